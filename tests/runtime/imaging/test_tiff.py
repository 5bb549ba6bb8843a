from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, decode_bytes
from tests.fuzz.picture_samples import picture, rgb_tags, saved, tiff

RGB = picture()
BGR = RGB[..., ::-1]
GREY = RGB[..., 2]
ALPHA = np.linspace(0, 255, 88, dtype=np.uint8)[None].repeat(72, 0)
SHORT = 3


def page(pixels: np.ndarray, tags: dict, **options) -> bytes:
    """Write one strip of samples."""
    order = options.get("order", "<")
    raw = pixels.astype(order + "u2").tobytes() if pixels.dtype == np.uint16 else pixels.tobytes()
    return tiff([raw], pixels.shape[1], pixels.shape[0], tags, **options)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_tiff_and_bigtiff(order, big):
    np.testing.assert_array_equal(decode_bytes(page(RGB, rgb_tags(), order=order, big=big)).bgr, BGR)
    wide = RGB.astype(np.uint16) * 257
    result = decode_bytes(page(wide, rgb_tags(16), order=order, big=big))
    np.testing.assert_array_equal(result.bgr, BGR)
    assert "16 bits" in result.warnings[0]


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK"])
def test_files_of_another_program_agree_with_its_own_decoder(compression, mode):
    image = Image.fromarray(RGB).convert(mode)
    data = saved(image, "TIFF", compression=compression)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]
    assert np.abs(decode_bytes(data).bgr.astype(int) - expected).max() <= (1 if mode == "CMYK" else 0)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_files_of_opencv_give_back_their_pixels(compression, predictor, depth):
    pixels = (BGR.astype(np.uint16) * 257).astype(depth) if depth is np.uint16 else np.ascontiguousarray(BGR)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, 317, predictor]
    data = cv2.imencode(".tiff", pixels, options)[1].tobytes()
    np.testing.assert_array_equal(decode_bytes(data).bgr, BGR)


def test_strips_of_a_few_rows():
    strips = [RGB[top : top + 7].tobytes() for top in range(0, 72, 7)]
    data = tiff(strips, 88, 72, rgb_tags() | {278: (SHORT, [7])})
    np.testing.assert_array_equal(decode_bytes(data).bgr, BGR)


@pytest.mark.parametrize("compression", [1, 8])
def test_tiles_that_stick_out(compression):
    canvas = np.zeros((96, 96, 3), np.uint8)
    canvas[:72, :88] = RGB
    tiles = [canvas[y : y + 32, x : x + 32].tobytes() for y in range(0, 96, 32) for x in range(0, 96, 32)]
    if compression == 8:
        tiles = [zlib.compress(tile) for tile in tiles]
    tags = rgb_tags() | {322: (SHORT, [32]), 323: (SHORT, [32]), 324: (4, [0]), 259: (SHORT, [compression])}
    np.testing.assert_array_equal(decode_bytes(tiff(tiles, 88, 72, tags)).bgr, BGR)


def test_planes_stored_one_after_the_other():
    strips = [RGB[top : top + 36, :, plane].tobytes() for plane in range(3) for top in (0, 36)]
    data = tiff(strips, 88, 72, rgb_tags() | {278: (SHORT, [36]), 284: (SHORT, [2])})
    np.testing.assert_array_equal(decode_bytes(data).bgr, BGR)


@pytest.mark.parametrize(("photometric", "tables"), [(6, False), (6, True), (2, False), (1, False)])
def test_jpeg_strips(photometric, tables):
    pixels = GREY if photometric == 1 else RGB
    options = {"keep_rgb": True} if photometric == 2 else {}
    whole = [saved(pixels[top : top + 32], "JPEG", quality=95, **options) for top in (0, 32, 64)]
    tags = rgb_tags(samples=1 if photometric == 1 else 3, photometric=photometric)
    tags |= {259: (SHORT, [7]), 278: (SHORT, [32])}
    if tables:
        start, end = whole[0].index(b"\xff\xdb"), whole[0].index(b"\xff\xc0")
        tags[347] = (1, list(b"\xff\xd8" + whole[0][start:end] + b"\xff\xd9"))
        whole = [strip[:start] + strip[end:] for strip in whole]
    result = decode_bytes(tiff(whole, 88, 72, tags))
    expected = np.dstack([GREY] * 3) if photometric == 1 else BGR
    assert np.abs(result.bgr.astype(int) - expected).mean() < 4


def test_a_jpeg_strip_cut_short_and_sealed_is_refused():
    strip = saved(RGB, "JPEG", quality=95)
    tags = rgb_tags(photometric=6) | {259: (SHORT, [7])}
    assert decode_bytes(tiff([strip], 88, 72, tags)).bgr.shape == (72, 88, 3)
    for broken in (strip[: len(strip) // 2], strip[: len(strip) // 2] + b"\xff\xd9"):
        with pytest.raises(ImageError, match=r"truncated|cut short"):
            decode_bytes(tiff([broken], 88, 72, tags))
    with pytest.raises(ImageError, match="start-of-image"):
        decode_bytes(tiff([b"\0" + strip], 88, 72, tags))
    with pytest.raises(ImageError, match="another size than its page says"):
        decode_bytes(tiff([saved(picture(72, 96), "JPEG")], 88, 72, tags))


@pytest.mark.parametrize("compression", [5, 8, 32773])
def test_compressed_strips_cut_short_or_damaged_are_refused(compression):
    noisy = np.random.default_rng(2).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, 278, 80]
    data = cv2.imencode(".tiff", noisy, options)[1].tobytes()
    at = data.index(struct.pack("<HHI", 279, 4, 1)) + 8
    (count,) = struct.unpack_from("<I", data, at)
    assert decode_bytes(data).bgr.shape == (80, 80, 3)
    for share in (0, 0.1, 0.5, 0.9, 0.999):
        with pytest.raises(ImageError, match="cut short"):
            decode_bytes(data[:at] + struct.pack("<I", int(count * share)) + data[at + 4 :])


def test_a_damaged_deflate_strip_is_refused():
    packed = bytearray(zlib.compress(RGB.tobytes()))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(ImageError, match="Deflate strip is invalid"):
        decode_bytes(tiff([bytes(packed)], 88, 72, rgb_tags() | {259: (SHORT, [8])}))


def test_a_stored_strip_that_is_too_short_is_refused():
    data = tiff([RGB.tobytes()], 88, 72, rgb_tags() | {279: (4, [RGB.size - 1])})
    with pytest.raises(ImageError, match=f"strip at row 0 has {RGB.size - 1} bytes, not {RGB.size}"):
        decode_bytes(data)


@pytest.mark.parametrize("compression", [1, 5, 7, 8, 32773])
def test_strips_that_share_their_bytes_are_refused(compression):
    strips = [bytes(88 * 3)] * 72
    whole = tiff(strips, 88, 72, rgb_tags() | {278: (SHORT, [1])})
    data = tiff(
        strips, 88, 72, rgb_tags() | {259: (SHORT, [compression]), 278: (SHORT, [1]), 279: (4, [88 * 3 * 2] * 72)}
    )
    assert decode_bytes(whole).bgr.max() == 0
    with pytest.raises(ImageError, match=f"claim {72 * 88 * 3 * 2} bytes of a file of {len(data)}: they overlap"):
        decode_bytes(data)


def test_jpeg_tables_larger_than_all_tables_are_refused():
    tags = rgb_tags(photometric=6) | {259: (SHORT, [7]), 347: (1, list(b"\xff\xd8" + bytes(5000) + b"\xff\xd9"))}
    with pytest.raises(ImageError, match="JPEG tables have 5004 bytes, more than 4096"):
        decode_bytes(tiff([saved(RGB, "JPEG")], 88, 72, tags))


@pytest.mark.parametrize(("extra", "warned"), [(2, "transparent"), (None, "transparent"), (0, "unsaid meaning")])
def test_extra_samples_that_are_straight_alpha_or_unsaid(extra, warned):
    tags = rgb_tags(samples=4) | ({} if extra is None else {338: (SHORT, [extra])})
    result = decode_bytes(page(np.dstack([RGB, ALPHA]), tags))
    share = ALPHA[..., None] / 255
    expected = BGR if extra == 0 else np.rint(BGR * share + 128 * (1 - share))
    assert np.abs(result.bgr - expected).max() <= 1
    assert warned in result.warnings[0]


def test_premultiplied_alpha():
    share = ALPHA[..., None] / 255
    stored = np.dstack([np.rint(RGB * share), ALPHA]).astype(np.uint8)
    result = decode_bytes(page(stored, rgb_tags(samples=4) | {338: (SHORT, [1])}))
    assert np.abs(result.bgr - (BGR * share + 128 * (1 - share))).max() <= 1.5
    assert "transparent" in result.warnings[0]


def test_alpha_that_hides_nothing_or_that_nobody_called_alpha_and_hides_all():
    opaque = np.dstack([RGB, np.full_like(ALPHA, 255)])
    result = decode_bytes(page(opaque, rgb_tags(samples=4) | {338: (SHORT, [2])}))
    np.testing.assert_array_equal(result.bgr, BGR)
    assert result.warnings == ()
    unused = decode_bytes(page(np.dstack([RGB, 0 * ALPHA]), rgb_tags(samples=4)))
    np.testing.assert_array_equal(unused.bgr, BGR)
    assert "unsaid meaning" in unused.warnings[0]


def test_opencv_pictures_with_alpha():
    data = cv2.imencode(".tiff", np.dstack([BGR, ALPHA]))[1].tobytes()
    result = decode_bytes(data)
    assert (result.bgr[:, 0] == 128).all()
    assert "transparent" in result.warnings[0]


def test_grey_with_alpha_and_white_is_zero():
    result = decode_bytes(page(np.dstack([GREY, ALPHA]), rgb_tags(samples=2, photometric=1) | {338: (SHORT, [2])}))
    share = ALPHA / 255
    assert np.abs(result.bgr[..., 1] - (GREY * share + 128 * (1 - share))).max() <= 1
    assert len(result.warnings) == 2
    inverted = decode_bytes(page(GREY, rgb_tags(samples=1, photometric=0)))
    np.testing.assert_array_equal(inverted.bgr[..., 0], 255 - GREY)
    wide = decode_bytes(page(GREY.astype(np.uint16) * 257, rgb_tags(16, samples=1, photometric=0)))
    np.testing.assert_array_equal(wide.bgr[..., 0], 255 - GREY)


def test_four_bits():
    packed = (GREY[:, ::2] & 0xF0) | GREY[:, 1::2] >> 4
    result = decode_bytes(tiff([packed.tobytes()], 88, 72, rgb_tags(4, samples=1, photometric=1)))
    np.testing.assert_array_equal(result.bgr[..., 0], (GREY >> 4) * 17)


@pytest.mark.parametrize("scale", [1, 257])
def test_palettes_of_16_and_mistaken_8_bits(scale):
    colours = np.random.default_rng(0).integers(0, 256, (3, 256))
    tags = rgb_tags(samples=1, photometric=3) | {320: (SHORT, (colours * scale).ravel().tolist())}
    np.testing.assert_array_equal(decode_bytes(page(GREY, tags)).bgr, colours[::-1].T[GREY])


def test_cmyk_is_converted_with_a_warning():
    inks = np.dstack([255 - RGB, np.zeros_like(GREY)])
    result = decode_bytes(page(inks, rgb_tags(samples=4, photometric=5)))
    np.testing.assert_array_equal(result.bgr, BGR)
    assert "CMYK" in result.warnings[0]
    black = decode_bytes(page(np.full((72, 88, 4), 255, np.uint8), rgb_tags(samples=4, photometric=5)))
    assert not black.bgr.any()


def test_several_pages_give_the_first_with_a_warning():
    data = saved(RGB, "TIFF", save_all=True, append_images=[Image.fromarray(255 - RGB)])
    result = decode_bytes(data)
    np.testing.assert_array_equal(result.bgr, BGR)
    assert result.header.frames == 2
    assert "2 pages: only the first" in result.warnings[0]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({262: (SHORT, [8])}, "colour space CIE Lab: save it as RGB"),
        ({262: (SHORT, [6])}, "YCbCr samples without JPEG"),
        ({262: (SHORT, [99])}, "colour space 99"),
        ({259: (SHORT, [4])}, "compression CCITT Group 4 fax"),
        ({259: (SHORT, [6])}, "old-style JPEG"),
        ({259: (SHORT, [50000])}, "Zstandard"),
        ({259: (SHORT, [77])}, "compression 77"),
        ({339: (SHORT, [3, 3, 3])}, "not unsigned whole numbers"),
        ({258: (SHORT, [32, 32, 32])}, "32 bits per sample"),
        ({258: (SHORT, [8, 8, 16])}, "8 bits per sample, not"),
        ({258: (SHORT, [4, 4, 4])}, "3 samples of 4 bits"),
        ({277: (SHORT, [2])}, "2 samples"),
        ({277: (SHORT, [9])}, "9 samples"),
        ({317: (SHORT, [3])}, "predictor 3"),
        ({262: (SHORT, [3]), 277: (SHORT, [1])}, "colour map does not have 3 x 256"),
        ({262: (SHORT, [3]), 277: (SHORT, [1]), 258: (SHORT, [16])}, "palette of 16 bits"),
        ({262: (SHORT, [1]), 277: (SHORT, [1]), 258: (SHORT, [1]), 266: (SHORT, [2])}, "FillOrder 2"),
        ({262: (SHORT, [5]), 277: (SHORT, [4]), 258: (SHORT, [8]), 332: (SHORT, [2])}, "inks other than"),
        ({259: (SHORT, [7]), 258: (SHORT, [16] * 3)}, "JPEG compression of anything but"),
        ({50706: (1, [1, 4, 0, 0])}, "a raw photo"),
        ({254: (4, [1])}, "a raw photo"),
        ({256: (4, [0])}, "no pixels"),
        ({278: (4, [0])}, "strips or tiles of 88x0"),
        ({278: (4, [10])}, "1 of 8 strips"),
        ({279: (4, [1, 2])}, "1 strips but 2 byte counts"),
        ({279: (4, [10**9])}, "truncated"),
        ({256: (2 + 1, [88]), 259: (SHORT, [8])}, "Deflate strip is invalid"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tags, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(tiff([RGB.tobytes()], 88, 72, rgb_tags() | tags))


@pytest.mark.parametrize("missing", [262, 279, 273])
def test_missing_fields_are_refused(missing):
    data = bytearray(tiff([RGB.tobytes()], 88, 72, rgb_tags()))
    at = data.rindex(struct.pack("<HH", missing, 4 if missing != 262 else 3))
    data[at : at + 2] = struct.pack("<H", 65000)
    with pytest.raises(ImageError, match=r"without picture data|colour space -1"):
        decode_bytes(bytes(data))


def test_huge_tiles_of_a_small_picture_are_refused():
    tags = rgb_tags() | {322: (4, [60000]), 323: (4, [60000]), 324: (4, [0]), 259: (SHORT, [8])}
    with pytest.raises(ImageError, match="tiles of 60000x60000 pixels for a picture of 88x72"):
        decode_bytes(tiff([b"x"], 88, 72, tags))
    one = np.zeros((80, 96, 3), np.uint8)
    tags |= {322: (4, [96]), 323: (4, [80]), 259: (SHORT, [1])}
    assert decode_bytes(tiff([one.tobytes()], 88, 72, tags), limits=Limits(max_pixels=88 * 72)).width == 88


def directory(entries: int, following: int) -> bytes:
    return struct.pack("<H", entries) + bytes(12 * entries) + struct.pack("<I", following)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"II*\0" + struct.pack("<I", 0), "no page"),
        (b"II*\0" + struct.pack("<I", 8), "a directory lies at byte 8"),
        (b"II*\0" + struct.pack("<I", 2**32 - 1), "a directory lies at byte 4294967295"),
        (b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 65535), "truncated"),
        (b"II*\0" + struct.pack("<I", 8) + directory(0, 8), "without picture data"),
        (b"II+\0" + struct.pack("<HHQ", 4, 0, 16), "its offsets are not of 8 bytes"),
        (b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**63), "claims 9223372036854775808 entries"),
    ],
)
def test_broken_structures_are_refused(data, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(data)


def test_loops_of_directories_are_refused():
    data = bytearray(tiff([RGB.tobytes()], 88, 72, rgb_tags(), pages=2))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    (second,) = struct.unpack_from("<I", data, first + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", data, second)
    for target in (first, second):
        struct.pack_into("<I", data, second + 2 + 12 * count, target)
        with pytest.raises(ImageError, match="referred to twice"):
            decode_bytes(bytes(data))


def test_nested_directories_are_walked_too():
    plain = tiff([RGB.tobytes()], 88, 72, rgb_tags() | {34665: (4, [0])})
    entry = plain.index(struct.pack("<HHI", 34665, 4, 1)) + 8
    nested = struct.pack("<HHHII", 1, 37500, 7, 100, len(plain) + 18) + struct.pack("<I", 0)
    data = plain[:entry] + struct.pack("<I", len(plain)) + plain[entry + 4 :] + nested + bytes(100)
    np.testing.assert_array_equal(decode_bytes(data).bgr, BGR)
    for end in (len(plain) + 1, len(data) - 100, len(data) - 1):
        with pytest.raises(ImageError, match="truncated"):
            decode_bytes(data[:end])


def test_more_directories_than_any_file_has_are_refused():
    # Every page claims the same million strips of no bytes.
    page_strips = [b""] * 300_000
    with pytest.raises(ImageError, match="more than 500000 directory entries and strips"):
        decode_bytes(tiff(page_strips, 88, 72, rgb_tags(), pages=2))
