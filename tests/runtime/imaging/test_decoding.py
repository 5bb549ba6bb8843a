"""What holds for every format: exact pixels, orientation, truncation, limits, refusals."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, decode_bytes, parse_header
from tests.fuzz.picture_samples import (
    bmp,
    exif_block,
    picture,
    png_chunk,
    rgb_tags,
    samples,
    saved,
    tiff,
    with_exif,
)

SAMPLES = samples()
LOSSLESS = [
    "png-rgb",
    "webp-lossless",
    "bmp-24",
    "tiff-stored",
    "tiff-deflate",
    "tiff-packbits",
    "tiff-pages",
    "tiff-big",
]
RGB = picture()
BGR = RGB[..., ::-1]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_good_files_are_decoded_upright(name):
    result = decode_bytes(SAMPLES[name].data, name=name)
    header = result.header
    stored = (header.height, header.width)
    assert stored == (72, 88)
    expected = stored[::-1] if header.orientation >= 5 else stored
    assert result.bgr.shape == (*expected, 3)
    assert (result.height, result.width) == expected
    assert result.bgr.dtype == np.uint8
    assert result.bgr.flags.c_contiguous


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_give_exactly_the_stored_pixels(name):
    result = decode_bytes(SAMPLES[name].data)
    np.testing.assert_array_equal(result.bgr, BGR)


@pytest.mark.parametrize(
    "name", ["jpeg-baseline", "jpeg-444", "jpeg-progressive", "jpeg-restart", "webp-lossy", "tiff-jpeg"]
)
def test_lossy_formats_agree_with_another_decoder(name):
    data = SAMPLES[name].data
    other = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]
    difference = np.abs(decode_bytes(data).bgr.astype(int) - other)
    assert difference.max() <= 2
    assert not decode_bytes(data).warnings


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_truncation_at_any_byte_is_refused(name):
    sample = SAMPLES[name]
    for end in range(sample.needed):
        with pytest.raises(ImageError, match=f"^{name}: "):
            decode_bytes(sample.data[:end], name=name)


@pytest.mark.parametrize("name", ["jpeg-appendix", "png-rgb", "webp-lossy", "bmp-24", "tiff-stored"])
def test_bytes_behind_the_picture_are_legal(name):
    sample = SAMPLES[name]
    whole = decode_bytes(sample.data).bgr
    for appendix in (b"", b"\0", b"\xff", b"\xff\xd8\xff\xe0 another picture"):
        np.testing.assert_array_equal(decode_bytes(sample.data[: sample.needed] + appendix).bgr, whole)


# What row 0 and column 0 of the stored picture show of the scene (Exif 2.32, tag 0x0112), undone.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def _oriented(kind: str, orientation: int) -> bytes:
    block = exif_block(orientation)
    if kind == "JPEG":
        return with_exif(saved(RGB, "JPEG", quality=90), block)
    if kind == "TIFF":
        return tiff([RGB.tobytes()], 88, 72, rgb_tags() | {274: (3, [orientation])})
    if kind == "TIFF-16":
        wide = (RGB.astype("<u2") * 257).tobytes()
        return tiff([wide], 88, 72, rgb_tags(16) | {274: (3, [orientation])})
    if kind == "TIFF-JPEG":
        return tiff(
            [saved(RGB, "JPEG", quality=90)],
            88,
            72,
            rgb_tags(photometric=6) | {259: (3, [7]), 274: (3, [orientation])},
        )
    return saved(RGB, kind, exif=b"Exif\0\0" + block, **({"lossless": True} if kind == "WEBP" else {}))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF-16", "TIFF-JPEG"])
def test_every_orientation_is_undone_once(kind, orientation):
    stored = BGR
    if "JPEG" in kind:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        stored = cv2.imdecode(np.frombuffer(saved(RGB, "JPEG", quality=90), np.uint8), flags)
    result = decode_bytes(_oriented(kind, orientation))
    np.testing.assert_array_equal(result.bgr, UPRIGHT[orientation](stored))
    assert result.header.orientation == orientation
    assert (result.width, result.height) == result.bgr.shape[1::-1]
    assert not [w for w in result.warnings if "16 bits" not in w]


@pytest.mark.parametrize("orientation", [0, 9, 255])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_invalid_orientations_mean_upright(kind, orientation):
    result = decode_bytes(_oriented(kind, orientation))
    assert result.header.orientation == 1
    assert result.bgr.shape == (72, 88, 3)


def _resized_jpeg(width: int, height: int) -> bytes:
    data = bytearray(SAMPLES["jpeg-baseline"].data)
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _resized_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = png_chunk(b"IDAT", zlib.compress(b"\0" * 99)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + rest


def _resized_webp(width: int, height: int) -> bytes:
    data = bytearray(SAMPLES["webp-alpha"].data)
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def _resized_bmp(width: int, height: int) -> bytes:
    return bmp(np.zeros((1, 64), np.uint8), width, 24, height=height)


def _resized_tiff(width: int, height: int) -> bytes:
    return tiff([b"12345678"], width, height, rgb_tags())


RESIZED = {
    "JPEG": _resized_jpeg,
    "PNG": _resized_png,
    "WebP": _resized_webp,
    "BMP": _resized_bmp,
    "TIFF": _resized_tiff,
}


@pytest.mark.parametrize("kind", sorted(RESIZED))
def test_header_bombs_are_refused_by_size_before_any_decoder_runs(kind, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the decoder was called"))
    with pytest.raises(ImageError, match=r"60000x60000 is 3600\.0 megapixels, the limit is 100 "):
        decode_bytes(RESIZED[kind](60000, 60000))


@pytest.mark.parametrize("kind", sorted(RESIZED))
def test_the_pixel_limit_is_exact(kind):
    limits = Limits(max_pixels=100 * 90 - 1)
    with pytest.raises(ImageError, match=r"100x90 is 0\.0 megapixels"):
        decode_bytes(RESIZED[kind](100, 90), limits=limits)
    sample = {"JPEG": "jpeg-baseline", "PNG": "png-rgb", "WebP": "webp-alpha", "BMP": "bmp-24", "TIFF": "tiff-lzw"}[
        kind
    ]
    assert decode_bytes(SAMPLES[sample].data, limits=Limits(max_pixels=72 * 88)).width == 88
    with pytest.raises(ImageError, match="max_pixels"):
        decode_bytes(SAMPLES[sample].data, limits=Limits(max_pixels=72 * 88 - 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF"])
def test_a_small_file_cannot_claim_a_large_picture(kind, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the decoder was called"))
    with pytest.raises(ImageError, match=r"cannot hold 9000x9000|cut short|canvas of 9000x9000"):
        decode_bytes(RESIZED[kind](9000, 9000))


@pytest.mark.parametrize(
    ("kind", "size"), [(k, s) for k in ("JPEG", "PNG", "BMP", "TIFF") for s in ((0, 72), (88, 0))]
)
def test_pictures_without_pixels_are_refused(kind, size):
    if kind == "BMP" and size[1] == 0:
        data = bytearray(_resized_bmp(88, 1))
        data[22:26] = bytes(4)
    else:
        data = RESIZED[kind](*size)
    with pytest.raises(ImageError, match=r"no pixels|height 0"):
        decode_bytes(bytes(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_sides_below_64_pixels_are_refused(kind):
    assert decode_bytes(saved(picture(64, 64), kind)).bgr.shape == (64, 64, 3)
    for size in ((63, 200), (200, 63)):
        with pytest.raises(ImageError, match=r"at least 64 pixels a side"):
            decode_bytes(saved(picture(*size), kind))
    with pytest.raises(ImageError, match="63x200"):
        decode_bytes(saved(picture(200, 63), kind))


def test_too_many_bytes_are_refused():
    data = SAMPLES["png-rgb"].data
    assert decode_bytes(data, limits=Limits(max_bytes=len(data))).width == 88
    with pytest.raises(ImageError, match=f"{len(data)} bytes, the limit is {len(data) - 1} "):
        decode_bytes(data, limits=Limits(max_bytes=len(data) - 1))


def test_bytearrays_and_memoryviews_are_decoded_too():
    data = SAMPLES["png-rgb"].data
    for kind in (bytearray, memoryview):
        np.testing.assert_array_equal(decode_bytes(kind(data)).bgr, BGR)
    with pytest.raises(ImageError, match="the limit is 10 "):
        decode_bytes(memoryview(data), limits=Limits(max_bytes=10))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a" + bytes(99), "unsupported format GIF: convert"),
        (b"\0\0\0\x20ftypavif" + bytes(99), "AVIF"),
        (b"\0\0\0\x20ftypheic" + bytes(99), "HEIC"),
        (b"\0\0\0\x20ftypisom" + bytes(99), "MP4"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), "JPEG 2000"),
        (b"\xff\x4f\xff\x51" + bytes(99), "JPEG 2000"),
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (b"\x76\x2f\x31\x01" + bytes(99), "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"P6\n88 72\n255\n" + bytes(99), "PNM"),
        (b"RIFF\0\0\0\0WAVEfmt ", "RIFF"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><title>404</title>", "HTML"),
        (b"just a note, named photo.jpg\n", "no picture but text: it starts with 'just a note"),
        ("Grüße".encode() * 200, "no picture but text"),
        (bytes(500), "500 zero bytes"),
        (b"\x9a\x01\x02\x03", r"unknown format \(first bytes 9a 01 02 03\): JPEG, PNG"),
        (b"\xff", "unknown format"),
        (b"", "empty: 0 bytes"),
    ],
)
def test_everything_else_is_refused_by_name(data, name):
    with pytest.raises(ImageError, match=name) as caught:
        decode_bytes(data, name="photo.jpg")
    assert str(caught.value).startswith("photo.jpg: ")
    assert "\n" not in str(caught.value)


def test_opencv_is_imported_only_to_decode():
    import subprocess

    script = (
        "import sys, deepbiq.imaging as i; data = sys.stdin.buffer.read();"
        "i.parse_header(data, name='x'); assert 'cv2' not in sys.modules;"
        "i.decode_bytes(data); assert 'cv2' in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        input=SAMPLES["jpeg-exif"].data,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )


def test_the_header_is_read_without_decoding():
    header = parse_header(SAMPLES["jpeg-exif"].data, name="x")
    assert (header.format, header.width, header.height, header.orientation) == ("JPEG", 88, 72, 6)
    with pytest.raises(ImageError, match=r"^x: truncated"):
        parse_header(SAMPLES["jpeg-exif"].data[:-1], name="x")
    with pytest.raises(ImageError, match="max_pixels"):
        parse_header(SAMPLES["jpeg-exif"].data, name="x", limits=Limits(max_pixels=64))


def test_errors_of_the_decoder_become_image_errors(monkeypatch):
    def fail(*_):
        raise cv2.error("something\nover two lines")

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(ImageError, match="the decoder failed: something over two lines"):
        decode_bytes(SAMPLES["png-rgb"].data)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(ImageError, match="gave up"):
        decode_bytes(SAMPLES["png-rgb"].data)


@pytest.mark.parametrize("name", ["jpeg-baseline", "png-rgb", "webp-lossy"])
def test_a_decoder_that_returns_another_size_is_not_believed(name, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros((72, 87, 3), np.uint8))
    with pytest.raises(ImageError, match="decoder returned"):
        decode_bytes(SAMPLES[name].data)


@pytest.mark.parametrize("name", ["jpeg-exif", "png-alpha", "tiff-16"])
def test_the_same_bytes_give_the_same_pixels(name):
    data = SAMPLES[name].data
    np.testing.assert_array_equal(decode_bytes(data).bgr, decode_bytes(data).bgr)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_files_are_decoded_or_refused_but_nothing_else(name, data):
    damaged = bytearray(SAMPLES[name].data)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = decode_bytes(bytes(damaged))
    except ImageError:
        return
    assert result.bgr.ndim == 3
    assert min(result.bgr.shape[:2]) >= 64


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP", b"BM", b"II*\0", b"MM\0+"]),
)
def test_noise_is_refused(noise, magic):
    with pytest.raises(ImageError):
        decode_bytes(magic + noise)
