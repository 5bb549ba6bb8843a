from __future__ import annotations

import io
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, decode_bytes
from deepbiq.imaging.jpeg import reduction
from tests.fuzz.picture_samples import exif_block, picture, samples, saved, with_exif

SAMPLES = {name: sample.data for name, sample in samples().items() if name.startswith("jpeg")}
EOI = b"\xff\xd9"
# Sharp enough that every part of every scan changes some pixel.
NOISY = np.random.default_rng(3).integers(0, 256, (80, 96, 3), dtype=np.uint8)


def scans(data: bytes) -> list[int]:
    """Return the offsets of the start-of-scan markers."""
    return [m.start() for m in re.finditer(rb"\xff\xda\x00[\x06-\x10][\x01-\x04]", data)]


def stuffed(data: bytes) -> list[int]:
    """Return the offsets of the zeros stuffed behind 0xFF in entropy-coded data."""
    return [m.start() + 1 for m in re.finditer(rb"\xff\x00", data) if m.start() > scans(data)[0] + 20]


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
        (0xC7, "hierarchical"),
        (0xC9, "arithmetic-coded sequential"),
        (0xCA, "arithmetic-coded progressive"),
        (0xCF, "hierarchical"),
    ],
)
def test_frames_that_cannot_be_decoded_are_refused_by_name(code, name):
    data = SAMPLES["jpeg-baseline"]
    with pytest.raises(ImageError, match=f"unsupported JPEG: {name}"):
        decode_bytes(replaced(data, data.index(b"\xff\xc0") + 1, bytes([code])))


def test_extended_sequential_frames_are_decoded():
    data = SAMPLES["jpeg-baseline"]
    extended = replaced(data, data.index(b"\xff\xc0") + 1, b"\xc1")
    np.testing.assert_array_equal(decode_bytes(extended).bgr, decode_bytes(data).bgr)


@pytest.mark.parametrize(
    ("offset", "new", "message"),
    [
        (4, b"\x0c", "12 bits per sample"),
        (5, b"\0\0", "height 0, to be defined by a DNL marker"),
        (7, b"\0\0", "its size is 0x72: no pixels"),
        (9, b"\x02", "frame header has a wrong length"),
        (11, b"\x50", "sampling factor"),
        (11, b"\x02", "sampling factor"),
        (13, b"\x01", "same identifier"),
    ],
)
def test_broken_frame_headers_are_refused(offset, new, message):
    data = SAMPLES["jpeg-baseline"]
    with pytest.raises(ImageError, match=message):
        decode_bytes(replaced(data, data.index(b"\xff\xc0") + offset, new))


def test_two_colour_components_are_refused():
    frame = struct.pack(">HBHHB", 14, 8, 72, 88, 2) + b"\x01\x11\x00\x02\x11\x00"
    with pytest.raises(ImageError, match="2 colour components"):
        decode_bytes(b"\xff\xd8\xff\xc0" + frame + EOI)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (EOI, "no picture data"),
        (b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + EOI, "no frame header"),
        (b"\xff\xd8" + EOI, "invalid marker 0xFFD8"),
        (b"\xff\x02" + EOI, "invalid marker 0xFF02"),
        (b"\xff\xf0\x00\x02" + EOI, "invalid marker 0xFFF0"),
        (b"\xff\xe0\x00\x01" + EOI, "has length 1"),
        (b"\xff\xdd\x00\x03\x00" + EOI, "restart interval has a wrong length"),
        (b"\xff\xe0\x40\x00" + EOI, "truncated: ends at byte 8 inside the segment 0xFFE0 that starts at byte 2"),
    ],
)
def test_broken_structures_are_refused(body, message):
    with pytest.raises(ImageError, match=message):
        decode_bytes(b"\xff\xd8" + body)


@pytest.mark.parametrize(
    ("offset", "new", "message"),
    [
        (3, b"\x09", "scan header has a wrong length"),
        (5, b"\x07", "colour component that the frame does not have"),
        (11, b"\x05", "covers the coefficients 5 to"),
        (12, b"\x40", "coefficients 0 to 64"),
    ],
)
def test_broken_scan_headers_are_refused(offset, new, message):
    data = SAMPLES["jpeg-progressive"]
    with pytest.raises(ImageError, match=message):
        decode_bytes(replaced(data, scans(data)[0] + offset, new))


def test_a_second_frame_header_is_refused():
    data = SAMPLES["jpeg-baseline"]
    at = data.index(b"\xff\xc0")
    with pytest.raises(ImageError, match="second frame header"):
        decode_bytes(data[: at + 19] + data[at:])


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"keep_rgb": True}, {"restart_marker_blocks": 5}], ids=str
)
def test_an_end_marker_anywhere_in_a_sequential_scan_is_found_out(options):
    data = saved(NOISY, "JPEG", quality=90, **options)
    whole = decode_bytes(data).bgr
    for at in stuffed(data):
        for damaged in (replaced(data, at, b"\xd9"), data[:at] + b"\xd9"):
            assert_refused_unless_unchanged(damaged, whole)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_an_end_marker_in_a_grey_or_cmyk_scan_is_found_out(mode):
    data = saved(Image.fromarray(NOISY).convert(mode), "JPEG", quality=90)
    whole = decode_bytes(data).bgr
    for at in stuffed(data):
        for damaged in (replaced(data, at, b"\xd9"), data[:at] + b"\xd9"):
            assert_refused_unless_unchanged(damaged, whole)


@pytest.mark.parametrize("divisor", [1, 2, 8])
def test_an_end_marker_is_found_out_when_decoding_at_reduced_size(divisor):
    data = saved(picture(640, 800), "JPEG", quality=90)
    middle = stuffed(data)[len(stuffed(data)) // 2]
    assert decode_bytes(data, min_short_side=640 // divisor).bgr.shape == (640 // divisor, 800 // divisor, 3)
    with pytest.raises(ImageError, match="cut short"):
        decode_bytes(replaced(data, middle, b"\xd9"), min_short_side=640 // divisor)


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 5}, {"subsampling": 0}], ids=str)
def test_a_damaged_byte_that_ends_a_progressive_scan_is_found_out(options):
    data = saved(NOISY, "JPEG", quality=90, progressive=True, **options)
    whole = decode_bytes(data).bgr
    for at in stuffed(data)[::3]:
        assert_refused_unless_unchanged(replaced(data, at, b"\xd9"), whole)


def assert_refused_unless_unchanged(damaged, whole, unit=16):
    """Only a cut inside the very last minimum coded unit, or behind its last bit, may go unnoticed."""
    try:
        result = decode_bytes(damaged)
    except ImageError as error:
        if re.search("cut short|truncated|damaged", str(error)) is None:
            raise
        return
    # Upsampling blends one more pixel.
    rows, columns = ((length - 1) // unit * unit - 1 for length in whole.shape[:2])
    np.testing.assert_array_equal(result.bgr[:rows], whole[:rows])
    np.testing.assert_array_equal(result.bgr[:, :columns], whole[:, :columns])


def without_tail(data: bytes, start: int, end: int, share: float) -> bytes:
    """Leave out the last part of the data of the scan that starts at an offset and ends at another."""
    begin = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    cut = end - int((end - begin) * share)
    while data[cut - 1] == 0xFF:
        cut -= 1
    return data[:cut] + data[end:]


def scan_end(data: bytes, start: int) -> int:
    begin = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return re.compile(rb"\xff[^\x00\xff\xd0-\xd7]").search(data, begin).start()


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"keep_rgb": True}),
        ("RGB", {"restart_marker_blocks": 500}),
        ("L", {}),
        ("CMYK", {}),
    ],
    ids=str,
)
def test_a_scan_of_means_that_lacks_its_end_is_found_out(mode, options, share):
    pixels = Image.fromarray(picture(240, 320))
    data = saved(pixels.convert(mode), "JPEG", quality=50, progressive=True, **options)
    decode_bytes(data)
    start = scans(data)[0]
    damaged = without_tail(data, start, scan_end(data, start), share)
    with pytest.raises(ImageError, match="cut short"):
        decode_bytes(damaged)


def separate_components(**options: object) -> bytes:
    """Return a JPEG of `NOISY` with scans for each component alone."""
    files = [
        saved(plane, "JPEG", quality=90, **options) for plane in Image.fromarray(NOISY).convert("YCbCr").split()
    ]
    frame = re.compile(rb"\xff[\xc0\xc2]\x00\x0b").search(files[0]).start()
    components = b"".join(bytes([identifier, 0x11, 0]) for identifier in (1, 2, 3))
    data = files[0][: frame + 2] + struct.pack(">HBHHB", 17, 8, 80, 96, 3) + components
    for identifier, file in enumerate(files, 1):
        scan_header = b"\xff\xda\x00\x08\x01"
        data += file[frame + 13 : -2].replace(scan_header + b"\x01", scan_header + bytes([identifier]))
    return data + EOI


@pytest.mark.parametrize("share", [0.6, 0.3, 0.1])
@pytest.mark.parametrize("component", [1, 2, 3])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_component_whose_own_scan_lacks_its_end_is_found_out(progressive, component, share):
    data = separate_components(progressive=progressive)
    assert np.abs(decode_bytes(data).bgr.astype(int) - NOISY[..., ::-1]).mean() < 12
    start = next(at for at in scans(data) if data[at + 5] == component)
    with pytest.raises(ImageError, match="cut short"):
        decode_bytes(without_tail(data, start, scan_end(data, start), share))


@pytest.mark.parametrize("end", [0, 60, 128, 255])
def test_a_progressive_picture_that_ends_in_any_grey_is_accepted_silently_but_for_mid_grey(capfd, end):
    pixels = NOISY.copy()
    pixels[48:] = end
    decode_bytes(saved(pixels, "JPEG", quality=95, progressive=True))
    assert ("Corrupt JPEG data" in capfd.readouterr().err) == (end == 128)


def test_a_progressive_file_that_ends_between_scans_is_refused():
    data = SAMPLES["jpeg-progressive"]
    starts = scans(data)
    assert len(starts) == 10
    for start in starts:
        with pytest.raises(ImageError, match=r"before all scans|no picture data"):
            decode_bytes(data[:start] + EOI)


def test_any_marker_put_into_a_scan_by_one_damaged_byte_is_found_out():
    data = saved(NOISY, "JPEG", quality=90)
    whole = decode_bytes(data).bgr
    middle = stuffed(data)[len(stuffed(data)) // 2]
    for code in range(1, 255):
        assert_refused_unless_unchanged(replaced(data, middle, bytes([code])), whole)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("appendix", [b"\0" * 100, b"SEFH" + bytes(range(256)), EOI, NOISY.tobytes()])
def test_appendices_are_no_reason_to_refuse(progressive, appendix):
    data = saved(NOISY, "JPEG", quality=90, progressive=progressive)
    np.testing.assert_array_equal(decode_bytes(data + appendix).bgr, decode_bytes(data).bgr)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_complete_picture_that_ends_in_mid_grey_is_accepted(progressive, mode):
    pixels = NOISY.copy()
    pixels[32:] = 128
    data = saved(Image.fromarray(pixels).convert(mode), "JPEG", quality=95, progressive=progressive)
    assert (decode_bytes(data).bgr[-1, -1] == 128).all()
    assert (decode_bytes(data + b"appendix").bgr[-1, -1] == 128).all()


def restarts(data: bytes) -> list[int]:
    return [m.start() for m in re.finditer(rb"\xff[\xd0-\xd7]", data) if m.start() > scans(data)[0]]


def test_lost_restart_markers_are_found_out():
    data = SAMPLES["jpeg-restart"]
    found = restarts(data)
    assert len(found) == 9  # 6 x 5 units of 16 x 16 pixels, three to an interval
    for at in found:
        with pytest.raises(ImageError, match="of 9 restart markers in a scan 8 were found"):
            decode_bytes(data[:at] + data[at + 2 :])
    first, second = found[:2]
    swapped = replaced(replaced(data, first + 1, b"\xd1"), second + 1, b"\xd0")
    with pytest.raises(ImageError, match="9 were found, out of order"):
        decode_bytes(swapped)
    # A whole interval is missing, and the markers behind it have been numbered anew.
    renumbered = bytearray(data[:first] + data[second:])
    for number, at in enumerate(restarts(bytes(renumbered))):
        renumbered[at + 1] = 0xD0 + number % 8
    with pytest.raises(ImageError, match=r"8 were found$"):
        decode_bytes(bytes(renumbered))


def test_a_restart_marker_behind_the_last_interval_is_tolerated():
    data = SAMPLES["jpeg-restart"]
    np.testing.assert_array_equal(decode_bytes(data[:-2] + b"\xff\xd1" + EOI).bgr, decode_bytes(data).bgr)


def test_a_restart_marker_without_an_interval_is_refused():
    data = saved(NOISY, "JPEG", quality=90)
    with pytest.raises(ImageError, match="no restart interval"):
        decode_bytes(replaced(data, stuffed(data)[5], b"\xd0"))


def test_fill_bytes_and_stray_bytes_before_markers_are_skipped():
    data = SAMPLES["jpeg-baseline"]
    whole = decode_bytes(data).bgr
    for marker in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xda"):
        at = data.index(marker)
        np.testing.assert_array_equal(decode_bytes(data[:at] + b"\xff" * 5 + data[at:]).bgr, whole)
        np.testing.assert_array_equal(decode_bytes(data[:at] + b"\0\1\2" + data[at:]).bgr, whole)
    np.testing.assert_array_equal(decode_bytes(data[:-2] + b"\xff" * 9 + EOI).bgr, whole)


@pytest.mark.parametrize("times", [50, 5000])
def test_scans_over_the_same_blocks_again_and_again_are_refused(times):
    data = SAMPLES["jpeg-progressive"]
    last = scans(data)[-1]
    with pytest.raises(ImageError, match="pass over the picture more than 16 times"):
        decode_bytes(data[:last] + data[last:-2] * times + EOI)


def test_means_that_are_sent_twice_are_refused():
    data = SAMPLES["jpeg-progressive"]
    first, second = scans(data)[:2]
    with pytest.raises(ImageError, match="two scans begin the DC coefficients"):
        decode_bytes(data[:second] + data[first:])


def test_grey_is_repeated_with_a_warning():
    result = decode_bytes(SAMPLES["jpeg-grey"])
    assert result.header.colour == "grey"
    assert "grey picture" in result.warnings[0]
    assert (result.bgr[..., 0] == result.bgr[..., 2]).all()


def test_cmyk_is_converted_with_a_warning():
    result = decode_bytes(SAMPLES["jpeg-cmyk"])
    assert result.header.colour == "cmyk"
    assert "CMYK" in result.warnings[0]
    assert np.abs(result.bgr.astype(int) - picture()[..., ::-1]).mean() < 8


def test_rgb_components_keep_their_colours():
    rgb = picture()
    result = decode_bytes(saved(rgb, "JPEG", keep_rgb=True, quality=95))
    assert np.abs(result.bgr.astype(int) - rgb[..., ::-1]).mean() < 4


def test_only_the_first_picture_of_a_multi_picture_file_is_used():
    first = Image.fromarray(picture())
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[Image.fromarray(NOISY)], quality=90)
    alone = decode_bytes(saved(picture(), "JPEG", quality=90)).bgr
    np.testing.assert_array_equal(decode_bytes(file.getvalue()).bgr, alone)


@pytest.mark.parametrize(
    ("short_side", "wanted", "divisor"),
    [
        (4000, None, 1),
        (4000, 4001, 1),
        (4000, 2001, 1),
        (4000, 2000, 2),
        (4000, 1001, 2),
        (4000, 1000, 4),
        (4000, 500, 8),
        (4000, 64, 8),
        (4001, 501, 8),
        (3993, 500, 8),
        (3992, 500, 4),
    ],
)
def test_the_strongest_sufficient_reduction_is_chosen(short_side, wanted, divisor):
    assert reduction(short_side, wanted) == divisor


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("wanted", "divisor"), [(None, 1), (300, 1), (151, 2), (76, 4), (64, 4), (38, 8)])
def test_reduced_pictures_have_the_expected_size_and_look(progressive, orientation, wanted, divisor):
    rgb = picture(301, 403)
    data = with_exif(saved(rgb, "JPEG", quality=95, progressive=progressive), exif_block(orientation))
    result = decode_bytes(data, min_short_side=wanted)
    size = (-(-301 // divisor), -(-403 // divisor))
    assert result.bgr.shape[:2] == (size if orientation == 1 else size[::-1])
    assert (result.height, result.width) == ((301, 403) if orientation == 1 else (403, 301))
    upright = rgb if orientation == 1 else np.rot90(rgb, -1)
    expected = cv2.resize(
        np.ascontiguousarray(upright[..., ::-1]), result.bgr.shape[1::-1], interpolation=cv2.INTER_AREA
    )
    assert np.abs(result.bgr.astype(int) - expected).mean() < 10


def test_limits_apply_to_the_full_size():
    data = saved(picture(200, 300), "JPEG")
    with pytest.raises(ImageError, match="300x200"):
        decode_bytes(data, limits=Limits(max_pixels=59_999), min_short_side=64)


def test_other_formats_are_never_reduced():
    for kind in ("PNG", "WEBP", "BMP", "TIFF"):
        assert decode_bytes(saved(picture(200, 300), kind), min_short_side=64).bgr.shape == (200, 300, 3)


@pytest.mark.parametrize("size", [(64, 64), (65, 65), (66, 79), (72, 81), (80, 95)])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"subsampling": 1}], ids=str)
def test_a_cut_is_found_out_whatever_part_of_the_last_unit_is_visible(size, options):
    data = saved(NOISY[: size[0], : size[1]], "JPEG", quality=90, **options)
    whole = decode_bytes(data).bgr
    for at in stuffed(data)[::3]:
        assert_refused_unless_unchanged(data[:at] + b"\xd9", whole)


def test_a_grey_jpeg_with_sampling_factors_is_cut_into_single_blocks():
    data = saved(NOISY[..., 0], "JPEG", quality=90)
    at = data.index(b"\xff\xc0") + 11
    sampled = replaced(data, at, b"\x22")  # a lone component is never interleaved, whatever its factors say
    assert decode_bytes(sampled).bgr.shape == (80, 96, 3)
    middle = stuffed(sampled)[len(stuffed(sampled)) // 2]
    with pytest.raises(ImageError, match="cut short"):
        decode_bytes(sampled[:middle] + b"\xd9")
