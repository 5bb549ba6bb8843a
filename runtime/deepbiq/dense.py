"""Dense evaluation: the features of every crop-sized window of a picture, in one pass of the network.

The convolutions run once over the picture, and the network's last nodes join the cells of every crop-sized window
of the feature map, so many crops cost about one image. Windows are `size` pixels a side and `stride` pixels apart:
a side of `size + k * stride` pixels holds k + 1 of them, and the one of index i starts at pixel `i * stride`. The
size need not be a multiple of the stride (CaffeNet's 227 and 32 are an example).

A picture is continued by reflection until windows fill it. Up to `MAX_PASS_PIXELS` the network runs once. Larger
pictures (only a larger scale makes them) are cut into tiles with a halo, so that memory is bounded whatever the
picture; windows near a tile's border then see `HALO_WINDOWS` strides of their surroundings instead of the
network's whole receptive field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from deepbiq.crops import pad_to_size

MAX_PASS_PIXELS = 1_638_400
"""1280 x 1280: about 250 MB of activations in EfficientNet-Lite0."""
TILE_WINDOWS = 26
"""Most window positions of a tile along an axis: with the window's own size and the halo, 1280 pixels of 224x224
windows 32 pixels apart."""
HALO_WINDOWS = 4

FeaturesOf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""The network: from images (N, H, W, 3) uint8 BGR to window features (N, D, rows, columns) float32."""


def pad_to_stride(bgr: npt.NDArray[np.uint8], size: int, stride: int) -> npt.NDArray[np.uint8]:
    """Continues a picture by reflection until windows fill it.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size: Side of a window in pixels.
        stride: Pixels from one window to the next.

    Returns:
        (h, w, 3) uint8, BGR, h and w `size` plus the smallest multiples of the stride that hold the picture.
    """
    height, width = (size + -(-max(side - size, 0) // stride) * stride for side in bgr.shape[:2])
    return pad_to_size(bgr, height, width)


def dense_features(
    features_of: FeaturesOf, padded: npt.NDArray[np.uint8], size: int, stride: int
) -> npt.NDArray[np.float32]:
    """Computes the features of every window of a picture of any size in bounded memory.

    Args:
        features_of: The network.
        padded: (H, W, 3) uint8, BGR, sides `size` plus multiples of the stride.
        size: Side of a window in pixels.
        stride: Pixels from one window to the next.

    Returns:
        (D, rows, columns) float32: the window of row i and column j starts at pixel (i, j) times the stride.
    """
    height, width = padded.shape[:2]
    if height * width <= MAX_PASS_PIXELS:
        whole: npt.NDArray[np.float32] = features_of(padded[None])[0]
        return whole
    windows_yx = ((height - size) // stride + 1, (width - size) // stride + 1)
    features: npt.NDArray[np.float32] | None = None
    for rows, seen_y, inside_y in _tiles(windows_yx[0]):
        for columns, seen_x, inside_x in _tiles(windows_yx[1]):
            pixels = padded[_pixels(seen_y, size, stride), _pixels(seen_x, size, stride)]
            tile = features_of(np.ascontiguousarray(pixels)[None])[0]
            if features is None:
                features = np.empty((len(tile), *windows_yx), dtype=np.float32)
            features[:, rows, columns] = tile[:, inside_y, inside_x]
    assert features is not None
    return features


def _tiles(windows: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cuts an axis of window positions into near-equal tiles.

    Yields:
        The tile's windows, those that it runs on (with the halo), and its windows among these.
    """
    count = -(-windows // TILE_WINDOWS)
    for start, stop in pairwise(windows * i // count for i in range(count + 1)):
        first, last = max(start - HALO_WINDOWS, 0), min(stop + HALO_WINDOWS, windows)
        yield slice(start, stop), slice(first, last), slice(start - first, stop - first)


def _pixels(windows: slice, size: int, stride: int) -> slice:
    """Returns the pixels of a run of windows."""
    return slice(windows.start * stride, (windows.stop - 1) * stride + size)
