from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from deepbiq.errors import ImageError
from deepbiq.imaging import decode_bytes
from tests.fuzz.picture_samples import bmp, picture, samples, saved

RGB = picture()
BGR = RGB[..., ::-1]
ALPHA = np.linspace(0, 255, 88, dtype=np.uint8)[None].repeat(72, 0)


def padded(rows: np.ndarray) -> np.ndarray:
    """Pad rows of bytes to a multiple of four."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))


@pytest.mark.parametrize("width", [85, 86, 87, 88])
def test_24_bits_with_any_padding_bottom_up_and_top_down(width):
    rows = padded(np.ascontiguousarray(BGR[:, :width]).reshape(72, -1))
    np.testing.assert_array_equal(decode_bytes(bmp(rows[::-1], width, 24)).bgr, BGR[:, :width])
    np.testing.assert_array_equal(decode_bytes(bmp(rows, width, 24, height=-72)).bgr, BGR[:, :width])


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_files_of_other_programs_agree_with_their_own_decoder(mode):
    image = Image.fromarray(RGB).convert(mode)
    data = saved(image, "BMP")
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(decode_bytes(data).bgr, expected)
    data = cv2.imencode(".bmp", np.ascontiguousarray(BGR))[1].tobytes()
    np.testing.assert_array_equal(decode_bytes(data).bgr, BGR)


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_palettes(depth):
    count = 1 << depth
    indices = (RGB[..., 2].astype(int) * count // 256).astype(np.uint8)
    colours = np.random.default_rng(0).integers(0, 256, (count, 4), dtype=np.uint8)
    bits = np.unpackbits(indices[..., None], axis=2)[..., 8 - depth :]
    rows = padded(np.packbits(bits.reshape(72, -1), axis=1))
    result = decode_bytes(bmp(rows[::-1], 88, depth, extra=colours.tobytes()))
    np.testing.assert_array_equal(result.bgr, colours[indices][..., :3])
    assert result.header.colour == "palette"


def test_the_old_core_header():
    rows = padded(np.ascontiguousarray(BGR).reshape(72, -1))[::-1]
    head = b"BM" + struct.pack("<IHHI", 26 + rows.size, 0, 0, 26) + struct.pack("<IHHHH", 12, 88, 72, 1, 24)
    np.testing.assert_array_equal(decode_bytes(head + rows.tobytes()).bgr, BGR)


def test_16_bits_are_stretched_to_the_whole_range():
    red, green, blue = (RGB[..., i].astype(np.uint16) >> 3 for i in range(3))
    packed = (red << 10 | green << 5 | blue).astype("<u2")
    expected = np.rint(np.dstack([blue, green, red]) * 255 / 31)
    np.testing.assert_array_equal(decode_bytes(bmp(packed.view(np.uint8)[::-1], 88, 16)).bgr, expected)
    packed = (red << 11 | (green << 1) << 5 | blue).astype("<u2")
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    result = decode_bytes(bmp(packed.view(np.uint8)[::-1], 88, 16, compression=3, extra=masks))
    expected[..., 1] = np.rint((green << 1) * 255 / 63)
    np.testing.assert_array_equal(result.bgr, expected)


def test_32_bits_without_an_alpha_mask_are_opaque():
    rows = np.dstack([BGR, ALPHA]).reshape(72, -1)[::-1]
    for data in (
        bmp(rows, 88, 32),
        bmp(rows, 88, 32, compression=3, extra=struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)),
        bmp(
            rows, 88, 32, header_size=108, extra=struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
        ),
    ):
        result = decode_bytes(data)
        np.testing.assert_array_equal(result.bgr, BGR)
        assert result.warnings == ()


V4_MASKS = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)


def test_an_alpha_mask_makes_the_fourth_byte_alpha():
    rows = np.dstack([BGR, ALPHA]).reshape(72, -1)[::-1]
    share = ALPHA[..., None] / 255
    expected = np.rint(BGR * share + 128 * (1 - share))
    for data in (
        bmp(rows, 88, 32, compression=3, header_size=108, extra=V4_MASKS),
        bmp(rows, 88, 32, compression=6, extra=V4_MASKS[:16]),
        bmp(rows, 88, 32, compression=3, header_size=56, extra=V4_MASKS[:16]),
    ):
        result = decode_bytes(data)
        assert np.abs(result.bgr - expected).max() <= 1
        assert "transparent" in result.warnings[0]


@pytest.mark.parametrize("alpha", [0, 255])
def test_alpha_that_is_the_same_everywhere_is_no_alpha(alpha):
    rows = np.dstack([BGR, np.full_like(ALPHA, alpha)]).reshape(72, -1)[::-1]
    result = decode_bytes(bmp(rows, 88, 32, compression=3, header_size=108, extra=V4_MASKS))
    np.testing.assert_array_equal(result.bgr, BGR)
    assert result.warnings == ()


def test_channels_of_ten_and_of_thirty_bits():
    deep = RGB.astype(np.uint32) * 1023 // 255
    packed = (deep[..., 0] << 20 | deep[..., 1] << 10 | deep[..., 2]).astype("<u4")
    masks = struct.pack("<3I", 0x3FF00000, 0xFFC00, 0x3FF)
    result = decode_bytes(bmp(packed.view(np.uint8)[::-1], 88, 32, compression=3, extra=masks))
    np.testing.assert_array_equal(result.bgr, np.rint(deep[..., ::-1] * 255 / 1023))
    masks = struct.pack("<3I", 0x3FFFFFFF, 0x40000000, 0x80000000)
    wide = np.linspace(0, 0x3FFFFFFF, 72 * 88).astype("<u4").reshape(72, 88)
    result = decode_bytes(bmp(wide.view(np.uint8)[::-1], 88, 32, compression=3, extra=masks))
    assert np.abs(result.bgr[..., 2] - wide * (255 / 0x3FFFFFFF)).max() <= 0.51


ROWS = np.zeros((72, 264), np.uint8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bmp(ROWS, 88, 8, compression=1), r"run-length encoded \(RLE8\): save it"),
        (bmp(ROWS, 88, 4, compression=2), r"run-length encoded \(RLE4\)"),
        (bmp(ROWS, 88, 24, compression=4), "JPEG inside"),
        (bmp(ROWS, 88, 24, compression=5), "PNG inside"),
        (bmp(ROWS, 88, 24, compression=3), "24 bits, compression 3"),
        (bmp(ROWS, 88, 2), "2 bits"),
        (bmp(ROWS, 88, 24, header_size=64), "information header of 64 bytes"),
        (bmp(ROWS, -88, 24), "no pixels"),
        (bmp(ROWS, 88, 24, height=-(2**31)), "megapixels"),
        (bmp(ROWS, 88, 24)[:-1], "truncated: the picture data should end at byte 19062, the file has 19061"),
        (bmp(ROWS, 88, 8), "no room for a palette"),
        (
            bmp(ROWS, 66, 32, compression=3, extra=struct.pack("<3I", 0xFF00FF, 0xFF00, 0xFF)),
            "0x00FF00FF is no mask",
        ),
        (bmp(ROWS, 88, 16, compression=3, extra=struct.pack("<3I", 0xF0000, 0xF0, 0xF)), "0x000F0000 is no mask"),
        (bmp(ROWS, 66, 32, compression=3, extra=struct.pack("<3I", 0xFF0000, 0, 0xFF)), "no bits"),
    ],
)
def test_what_is_not_read_is_refused_by_name(data, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(data)


def test_more_than_one_plane_is_refused():
    data = bytearray(bmp(ROWS, 88, 24))
    data[26] = 2
    with pytest.raises(ImageError, match="2 planes"):
        decode_bytes(bytes(data))


def test_the_samples_are_what_they_are_called():
    files = samples()
    assert decode_bytes(files["bmp-32"].data).header.bit_depth == 32
    assert decode_bytes(files["bmp-8"].data).header.bit_depth == 8
