"""From what a file stores to 8-bit BGR: depth, transparency, grey, orientation.

Done here and not by OpenCV's flags, because those differ between formats and versions: they drop transparency,
truncate 16 bits and rotate some formats but not others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BACKGROUND = 128
"""What shows through transparent pixels: mid grey, so that neither black nor white edges appear."""

GREY_WARNING = "grey picture: its one channel was repeated as blue, green and red"
DEPTH_WARNING = "16 bits per channel were rounded to 8"
ALPHA_WARNING = f"transparent pixels were laid on mid grey ({BACKGROUND})"
CMYK_WARNING = "CMYK ink values were converted to BGR without a colour profile"

# Wide intermediates are made for so many samples at a time, to keep memory near that of the picture itself.
_BAND_SAMPLES = 1 << 17


def frames_warning(frames: int, what: str) -> str:
    """Says that only the first of several pictures in a file was used."""
    return f"the file holds {frames} {what}: only the first was used"


def to_8_bits(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Rounds 16-bit samples to 8 bits.

    Args:
        samples: Any shape, 0 to 65535.

    Returns:
        The same shape, round(sample / 257), so that white stays white.
    """
    result = np.empty(samples.shape, np.uint8)
    for band in _bands(samples):
        # (v * 255 + 32895) >> 16 is round(v / 257) for every 16-bit v (libpng, pngrtran.c, png_do_scale_16_to_8).
        result[band] = (samples[band].astype(np.uint32) * 255 + 32895) >> 16
    return result


def to_bgr(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Repeats one channel three times: (H, W) to (H, W, 3)."""
    result = np.empty((*grey.shape, 3), np.uint8)
    result[...] = grey[..., None]
    return result


def composite(
    colour: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], *, premultiplied: bool = False
) -> npt.NDArray[np.uint8]:
    """Lays a picture on mid grey.

    Args:
        colour: (H, W, 3), 0 to 255.
        alpha: (H, W), 0 (transparent) to 255 (opaque).
        premultiplied: Whether `colour` has already been multiplied by alpha.

    Returns:
        (H, W, 3): alpha * colour + (1 - alpha) * 128, rounded.
    """
    result = np.empty(colour.shape, np.uint8)
    for band in _bands(colour):
        weight = alpha[band][..., None].astype(np.uint16)
        ground = (255 - weight) * np.uint16(BACKGROUND)
        if premultiplied:
            mixed = np.minimum(colour[band] + _by_255(ground), 255)
        else:
            mixed = _by_255(colour[band] * weight + ground)
        result[band] = mixed.astype(np.uint8)
    return result


def flatten(pixels: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Brings decoded pixels to 8-bit BGR.

    Args:
        pixels: (H, W) grey, (H, W, 3) BGR or (H, W, 4) BGR with straight alpha; uint8 or uint16.

    Returns:
        (H, W, 3) uint8 and one warning for each interpretation.
    """
    warnings: list[str] = []
    if pixels.dtype == np.uint16:
        pixels = to_8_bits(pixels)  # from here on uint8
        warnings.append(DEPTH_WARNING)
    if pixels.ndim == 2:
        return to_bgr(pixels), (GREY_WARNING, *warnings)
    if pixels.shape[2] == 3:
        return pixels, tuple(warnings)
    colour, alpha = pixels[..., :3], pixels[..., 3]
    if is_opaque(alpha):
        return np.ascontiguousarray(colour), tuple(warnings)
    return composite(colour, alpha), (*warnings, ALPHA_WARNING)


def is_opaque(alpha: npt.NDArray[np.uint8]) -> bool:
    """Tells whether an alpha channel, (H, W), changes nothing."""
    return bool(alpha.min() == 255)


def orient(bgr: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turns and mirrors a picture so that it is seen upright.

    Args:
        bgr: (H, W, 3) as stored.
        orientation: 1 to 8: which sides of the scene row 0 and column 0 show (Exif 2.32, tag 0x0112).

    Returns:
        (H, W, 3), or (W, H, 3) for orientations 5 to 8; C-contiguous.
    """
    if orientation == 1:
        return np.ascontiguousarray(bgr)
    import cv2

    if orientation >= 5:
        bgr = np.asarray(cv2.transpose(bgr), np.uint8)
    # After the transposition 5 is done, 6 needs a mirror, 7 both flips, 8 is upside down.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    if flip is not None:
        bgr = np.asarray(cv2.flip(bgr, flip), np.uint8)
    return np.ascontiguousarray(bgr)


def _by_255(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Divides by 255, rounded, without a division; exact for 0 to 255 * 255 and within 16 bits for them."""
    raised = values + np.uint16(128)
    quotients: npt.NDArray[np.uint16] = (raised + (raised >> np.uint16(8))) >> np.uint16(8)
    return quotients


def _bands(samples: npt.NDArray[Any]) -> list[slice]:
    rows = max(1, _BAND_SAMPLES // max(1, samples[0].size))
    return [slice(top, top + rows) for top in range(0, len(samples), rows)]
