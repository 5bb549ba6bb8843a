from __future__ import annotations

import re
import struct
import zlib

import numpy as np
import pytest

from deepbiq.errors import ImageError
from deepbiq.imaging import decode_bytes
from tests.fuzz.picture_samples import picture, png, png_chunk, samples, saved

SAMPLES = {name: sample.data for name, sample in samples().items() if name.startswith("png")}
RGB = picture()
GREY = RGB[..., 2]
ALPHA = np.linspace(0, 255, RGB.shape[1], dtype=np.uint8)[None].repeat(len(RGB), 0)


def on_grey(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay (H, W, 3) on mid grey, in floating point."""
    share = alpha[..., None] / 255
    return np.rint(colour * share + 128 * (1 - share))


def chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return type, offset and whole length of each chunk."""
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big") + 12
        found.append((data[at + 4 : at + 8], at, length))
        at += length
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_wrong_checksum_anywhere_is_refused_with_chunk_and_offset(name):
    data = SAMPLES[name]
    for kind, at, length in chunks(data):
        for position in {at + 8, at + 8 + (length - 12) // 2, at + length - 1}:
            damaged = bytearray(data)
            damaged[position] ^= 1
            with pytest.raises(ImageError, match=f"wrong checksum of the chunk {kind.decode()} at byte {at}$"):
                decode_bytes(bytes(damaged))


def test_every_single_bit_is_guarded():
    data = SAMPLES["png-palette"]
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(ImageError):
            decode_bytes(bytes(damaged))


def test_missing_chunks_are_named():
    data = SAMPLES["png-palette"]
    parts = {kind: data[at : at + length] for kind, at, length in chunks(data)}
    for kind, message in ((b"IHDR", "first chunk is PLTE"), (b"PLTE", "no palette"), (b"IDAT", "no picture data")):
        with pytest.raises(ImageError, match=message):
            decode_bytes(data[:8] + b"".join(part for name, part in parts.items() if name != kind))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.99])
def test_picture_data_cut_and_sealed_with_good_checksums_is_refused(kept, interlaced):
    rows = np.random.default_rng(1).integers(0, 256, (80, 3 * 80), dtype=np.uint8)
    header = struct.pack(">IIBBBBB", 80, 80, 8, 2, 0, 0, interlaced)
    filtered = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    # The seven passes have a filter byte for each of their rows: 10 + 10 + 10 + 20 + 20 + 40 + 40.
    raw = rows.tobytes() + bytes(150) if interlaced else filtered
    for payload in (zlib.compress(raw)[: int(len(raw) * kept)], zlib.compress(raw[: int(len(raw) * kept)])):
        sealed = (
            b"\x89PNG\r\n\x1a\n"
            + png_chunk(b"IHDR", header)
            + png_chunk(b"IDAT", payload)
            + png_chunk(b"IEND", b"")
        )
        with pytest.raises(ImageError, match=r"gave up|cannot hold"):
            decode_bytes(sealed)


def test_split_picture_data_is_joined_but_must_not_be_interrupted():
    whole = SAMPLES["png-rgb"]
    (at, length) = next((at, length) for kind, at, length in chunks(whole) if kind == b"IDAT")
    payload = whole[at + 8 : at + length - 4]
    pieces = [png_chunk(b"IDAT", payload[i : i + 100]) for i in range(0, len(payload), 100)] + [
        png_chunk(b"IDAT", b"")
    ]
    split = whole[:at] + b"".join(pieces) + whole[at + length :]
    np.testing.assert_array_equal(decode_bytes(split).bgr, RGB[..., ::-1])
    with pytest.raises(ImageError, match="tEXt stands between two IDAT chunks"):
        decode_bytes(whole[:at] + png_chunk(b"tEXt", b"a\0b").join(pieces) + whole[at + length :])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((88, 72, 3, 2, 0, 0, 0), "colour type 2 with 3 bits"),
        ((88, 72, 4, 6, 0, 0, 0), "colour type 6 with 4 bits"),
        ((88, 72, 8, 5, 0, 0, 0), "colour type 5"),
        ((88, 72, 8, 2, 1, 0, 0), "compression 1"),
        ((88, 72, 8, 2, 0, 1, 0), "filter 1"),
        ((88, 72, 8, 2, 0, 0, 2), "interlace 2"),
        ((0, 72, 8, 2, 0, 0, 0), "no pixels"),
        ((2**32 - 1, 2**32 - 1, 8, 2, 0, 0, 0), "megapixels"),
    ],
)
def test_broken_headers_are_refused(fields, message):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))
    with pytest.raises(ImageError, match=message):
        decode_bytes(b"\x89PNG\r\n\x1a\n" + header + SAMPLES["png-rgb"][33:])


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (png_chunk(b"CgBI", b"1234"), "first chunk is CgBI"),
        (png_chunk(b"IHDR", b"short"), "IHDR has 5 bytes"),
        (b"\0\0\0\0\1\2\3\4", "is no chunk type"),
    ],
)
def test_other_first_chunks_are_refused(chunk, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(b"\x89PNG\r\n\x1a\n" + chunk)


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (png_chunk(b"ABCD", b""), "unknown critical chunk ABCD"),
        (png_chunk(b"PLTE", b"1234"), "PLTE has 4 bytes"),
        (png_chunk(b"PLTE", bytes(3)) * 2, "PLTE chunk in the wrong place"),
    ],
)
def test_other_broken_chunks_are_refused(chunk, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(png(RGB.reshape(72, -1), 2, before_data=chunk, width=88))


def test_ancillary_chunks_change_nothing():
    extra = (
        png_chunk(b"gAMA", struct.pack(">I", 20000)) + png_chunk(b"iCCP", b"x\0\0broken") + png_chunk(b"abCd", b"?")
    )
    result = decode_bytes(png(RGB.reshape(72, -1), 2, before_data=extra, width=88))
    np.testing.assert_array_equal(result.bgr, RGB[..., ::-1])
    assert result.warnings == ()


def test_grey_of_every_depth_is_spread_over_the_whole_range():
    for depth in (1, 2, 4, 8):
        values = GREY >> (8 - depth)
        packed = np.packbits(np.unpackbits(values[..., None], axis=2)[..., 8 - depth :].reshape(72, -1), axis=1)
        result = decode_bytes(png(packed, 0, depth, width=88))
        expected = values.astype(int) * 255 // ((1 << depth) - 1)
        np.testing.assert_array_equal(result.bgr, np.dstack([expected] * 3))
        assert [w for w in result.warnings if "grey picture" in w]


def test_16_bits_are_rounded_with_a_warning():
    wide = np.arange(72 * 88 * 3, dtype=np.uint32).reshape(72, -1) * 3 % 65536
    result = decode_bytes(png(wide.astype(">u2").view(np.uint8).reshape(72, -1), 2, 16, width=88))
    np.testing.assert_array_equal(result.bgr, np.rint(wide.reshape(72, 88, 3)[..., ::-1] / 257))
    assert re.search("16 bits", result.warnings[0])
    grey = decode_bytes(png(wide[:, :88].astype(">u2").view(np.uint8).reshape(72, -1), 0, 16, width=88))
    np.testing.assert_array_equal(grey.bgr[..., 1], np.rint(wide[:, :88] / 257))
    assert len(grey.warnings) == 2


def test_alpha_is_laid_on_grey_with_a_warning():
    for rows, colour, depth in (
        (np.dstack([RGB, ALPHA]), 6, 8),
        (np.dstack([GREY, ALPHA]), 4, 8),
        (np.dstack([RGB, ALPHA]).astype(np.uint16) * 257, 6, 16),
        (np.dstack([GREY, ALPHA]).astype(np.uint16) * 257, 4, 16),
    ):
        raw = rows.astype(">u2").view(np.uint8) if depth == 16 else rows
        result = decode_bytes(png(raw.reshape(72, -1), colour, depth, width=88))
        base = RGB[..., ::-1] if colour == 6 else np.dstack([GREY] * 3)
        assert np.abs(result.bgr - on_grey(base, ALPHA)).max() <= 1
        assert "transparent" in result.warnings[-1]
        assert ("grey picture" in result.warnings[0]) == (colour == 4)
        assert result.header.has_alpha


def test_opaque_alpha_gives_no_warning():
    rows = np.dstack([RGB, np.full_like(ALPHA, 255)])
    result = decode_bytes(png(rows.reshape(72, -1), 6, width=88))
    np.testing.assert_array_equal(result.bgr, RGB[..., ::-1])
    assert result.warnings == ()


def test_opaque_alpha_leaves_grey_with_its_warning():
    rows = np.dstack([GREY, np.full_like(ALPHA, 255)])
    result = decode_bytes(png(rows.reshape(72, -1), 4, width=88))
    assert ["grey picture" in warning for warning in result.warnings] == [True]


def test_transparent_palette_entries_are_laid_on_grey():
    indices = (GREY >> 6).astype(np.uint8)
    colours = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [9, 9, 9]], np.uint8)
    opacity = np.array([0, 128, 255, 255], np.uint8)
    before = png_chunk(b"PLTE", colours.tobytes()) + png_chunk(b"tRNS", opacity[:2].tobytes())
    result = decode_bytes(png(indices, 3, before_data=before))
    assert np.abs(result.bgr - on_grey(colours[indices][..., ::-1], opacity[indices])).max() <= 1
    assert "transparent" in result.warnings[0]


@pytest.mark.parametrize("depth", [1, 4, 8, 16])
def test_a_transparent_grey_value_is_laid_on_grey(depth):
    levels = min(1 << depth, 256) - 1
    values = (GREY.astype(int) * levels // 255).astype(np.uint8)
    key = int(values[10, 10])
    if depth == 16:
        packed = np.repeat(values, 2, axis=1)  # each value times 257
    else:
        packed = np.packbits(np.unpackbits(values[..., None], axis=2)[..., 8 - depth :].reshape(72, -1), axis=1)
    before = png_chunk(b"tRNS", struct.pack(">H", key * 257 if depth == 16 else key))
    result = decode_bytes(png(packed, 0, depth, before_data=before, width=88))
    expected = np.where(values == key, 128, values.astype(int) * 255 // levels)
    np.testing.assert_array_equal(result.bgr, np.dstack([expected] * 3))
    assert "transparent" in result.warnings[-1]


def test_a_transparent_colour_is_laid_on_grey():
    before = png_chunk(b"tRNS", struct.pack(">HHH", *RGB[5, 5]))
    result = decode_bytes(png(RGB.reshape(72, -1), 2, before_data=before, width=88))
    hidden = (RGB[5, 5] == RGB).all(axis=2)
    np.testing.assert_array_equal(result.bgr, np.where(hidden[..., None], 128, RGB[..., ::-1]))


@pytest.mark.parametrize("values", [b"", b"1", b"1234567"])
def test_transparency_that_does_not_fit_is_ignored_as_decoders_do(values):
    result = decode_bytes(png(RGB.reshape(72, -1), 2, before_data=png_chunk(b"tRNS", values), width=88))
    np.testing.assert_array_equal(result.bgr, RGB[..., ::-1])


def test_animations_give_their_first_frame_with_a_warning():
    result = decode_bytes(SAMPLES["png-animated"])
    np.testing.assert_array_equal(result.bgr, RGB[..., ::-1])
    assert result.header.frames == 2
    assert "2 animation frames: only the first" in result.warnings[0]


def test_interlaced_files_are_decoded():
    assert decode_bytes(SAMPLES["png-rgb"]).warnings == ()
    # The seven passes of Adam7: first column, first row, column step, row step.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(
        b"\0" + row.tobytes() for left, top, across, down in passes for row in RGB[top::down, left::across]
    )
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 88, 72, 8, 2, 0, 0, 1))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode_bytes(data).bgr, RGB[..., ::-1])


def test_a_palette_written_by_another_program_is_read():
    from PIL import Image

    quantized = Image.fromarray(RGB).quantize(32)
    expected = np.asarray(quantized.convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(decode_bytes(saved(quantized, "PNG", bits=8)).bgr, expected)
