from __future__ import annotations

import struct

import numpy as np
import pytest

from deepbiq.errors import ImageError
from deepbiq.imaging import decode_bytes
from tests.fuzz.picture_samples import animated, picture, samples, saved

SAMPLES = {name: sample.data for name, sample in samples().items() if name.startswith("webp")}
RGB = picture()


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(c)) + c + b"\0" * (len(c) & 1) for kind, c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the content of the first chunk of each type."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.setdefault(data[at : at + 4], data[at + 8 : at + 8 + length])
        at += 8 + length + (length & 1)
    return found


def canvas(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    return b"VP8X", struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(
        3, "little"
    )


def frame(left: int, top: int, width: int, height: int, still: bytes) -> tuple[bytes, bytes]:
    numbers = (left // 2, top // 2, width - 1, height - 1, 100)
    return b"ANMF", b"".join(n.to_bytes(3, "little") for n in numbers) + b"\0" + still[12:]


@pytest.mark.parametrize("name", ["webp-lossy", "webp-lossless", "webp-alpha"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.97])
def test_picture_data_cut_and_sealed_with_good_sizes_is_refused(name, kept):
    parts = chunks(SAMPLES[name])
    kind = next(k for k in parts if k in (b"VP8 ", b"VP8L"))
    parts[kind] = parts[kind][: int(len(parts[kind]) * kept)]
    with pytest.raises(ImageError, match=r"gave up|cut short"):
        decode_bytes(riff(*parts.items()))


def test_alpha_is_laid_on_grey_with_a_warning():
    alpha = np.linspace(0, 255, 88, dtype=np.uint8)[None].repeat(72, 0)
    for lossless in (True, False):
        data = saved(np.dstack([RGB, alpha]), "WEBP", lossless=lossless, exact=True, quality=95)
        result = decode_bytes(data)
        share = alpha[..., None] / 255
        expected = RGB[..., ::-1] * share + 128 * (1 - share)
        assert np.abs(result.bgr - expected).mean() < (0.5 if lossless else 4)
        assert (result.bgr[:, 0] == 128).all()
        assert "transparent" in result.warnings[0]
        assert result.header.has_alpha


def test_opaque_alpha_gives_no_warning():
    data = saved(np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)]), "WEBP", lossless=True)
    result = decode_bytes(data)
    np.testing.assert_array_equal(result.bgr, RGB[..., ::-1])
    assert result.warnings == ()


@pytest.mark.parametrize("lossless", [True, False])
def test_animations_give_their_first_frame_with_a_warning(lossless):
    result = decode_bytes(animated("WEBP", lossless=lossless, quality=90))
    assert np.abs(result.bgr.astype(int) - RGB[..., ::-1]).mean() < (0.01 if lossless else 5)
    assert result.header.frames == 2
    assert "2 animation frames: only the first" in result.warnings[0]


def test_a_first_frame_smaller_than_its_canvas_lies_on_grey():
    still = saved(RGB, "WEBP", lossless=True)
    data = riff(canvas(100, 90, 0x02), (b"ANIM", bytes(6)), frame(6, 10, 88, 72, still))
    result = decode_bytes(data)
    assert result.bgr.shape == (90, 100, 3)
    np.testing.assert_array_equal(result.bgr[10:82, 6:94], RGB[..., ::-1])
    assert (result.bgr[:10] == 128).all()
    assert (result.bgr[:, 94:] == 128).all()
    assert "transparent" in result.warnings[0]


LOSSLESS = saved(RGB, "WEBP", lossless=True)
VP8L = chunks(LOSSLESS)[b"VP8L"]
VP8 = chunks(saved(RGB, "WEBP"))[b"VP8 "]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (riff(), "no chunks"),
        (riff((b"ICCP", b"12")), "no picture data"),
        (riff((b"VP8X", b"12")), "VP8X has 2 bytes"),
        (riff(canvas(88, 72, 0)), "no picture data"),
        (riff(canvas(88, 72, 2)), "an animation without frames"),
        (riff(canvas(88, 72, 2), (b"ANMF", b"12")), "ANMF chunk has 2 bytes"),
        (riff(canvas(88, 72, 2), frame(0, 0, 88, 70, LOSSLESS)), "differs in size"),
        (riff(canvas(88, 72, 2), frame(2, 0, 88, 72, LOSSLESS)), "does not fit its canvas of 88x72"),
        (riff(canvas(90, 72, 0), (b"VP8L", VP8L)), "does not fit its canvas of 90x72"),
        (riff((b"VP8L", b"\0" + VP8L[1:])), "no signature"),
        (riff((b"VP8L", VP8L[:4] + b"\xf0" + VP8L[5:])), "version 7"),
        (riff((b"VP8 ", b"\1" + VP8[1:])), "does not start with a key frame"),
        (riff((b"VP8 ", VP8[:3] + b"xyz" + VP8[6:])), "does not start with a key frame"),
        (riff((b"VP8 ", VP8[:20])), "end inside the first partition"),
        (riff((b"VP8 ", VP8[:6] + b"\0\0" + VP8[8:])), "no pixels"),
        (LOSSLESS[:4] + struct.pack("<I", len(LOSSLESS) - 10) + LOSSLESS[8:], "VP8L' of"),
        (LOSSLESS[:4] + struct.pack("<I", len(LOSSLESS) - 4) + LOSSLESS[8:] + b"1234", "4 stray bytes"),
    ],
)
def test_broken_files_are_refused(data, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(data)


def test_a_missing_last_padding_byte_is_tolerated():
    content = VP8L if len(VP8L) & 1 else VP8L + b"\0"
    padded = riff((b"VP8L", content))
    unpadded = padded[:4] + struct.pack("<I", len(padded) - 9) + padded[8:-1]
    np.testing.assert_array_equal(decode_bytes(unpadded).bgr, RGB[..., ::-1])
