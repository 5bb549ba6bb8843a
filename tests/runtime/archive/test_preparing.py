import hashlib
import os
import re
import struct
import zlib

import cv2
import numpy as np
import pytest

from deepbiq.archive.folders import list_file
from deepbiq.archive.likeness import perceptual_hash
from deepbiq.archive.preparing import Preparation, identify, prepare
from deepbiq.archive.row import Facts, Listed
from deepbiq.imaging import files as files_module

HOW = Preparation(short_side=256, max_pixels=10_000_000, max_bytes=1_000_000)


def bomb():
    """A PNG of a few kilobytes whose header claims 30000 x 30000 pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 3_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def listed(path):
    status = os.stat(path)
    return Listed(str(path), status.st_size, status.st_mtime_ns)


def test_pixels_and_facts_of_a_picture(samples):
    prepared = prepare(listed(samples[0]), HOW)
    data = samples[0].read_bytes()
    facts = prepared.facts
    assert prepared.error is None
    assert prepared.bgr.dtype == np.uint8
    assert prepared.bgr.flags.c_contiguous
    assert min(prepared.bgr.shape[:2]) == 256
    assert facts.perceptual_hash == perceptual_hash(prepared.bgr)
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (facts.height, facts.width) == whole.shape[:2]
    assert (facts.size, facts.content_hash) == (len(data), hashlib.sha256(data).hexdigest())
    assert facts.mtime_ns == samples[0].stat().st_mtime_ns


def test_every_pixel_where_none_is_taken_away(samples):
    prepared = prepare(listed(samples[0]), Preparation(None, HOW.max_pixels, 10**8))
    assert prepared.bgr.shape == (prepared.facts.height, prepared.facts.width, 3)


def test_warnings_come_along(tmp_path):
    path = tmp_path / "seen-through.png"
    assert cv2.imwrite(str(path), np.full((80, 80, 4), 100, np.uint8))
    prepared = prepare(listed(path), HOW)
    assert prepared.error is None
    assert len(prepared.warnings) == 1


def test_facts_are_those_of_what_was_read(samples, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(samples[0].read_bytes())
    before = listed(path)
    path.write_bytes(samples[1].read_bytes())
    os.utime(path, ns=(5, 7))
    facts = prepare(before, HOW).facts
    assert (facts.size, facts.mtime_ns) == (samples[1].stat().st_size, 7)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"no picture at all, just text", "no picture but text"),
        (b"\xff\xd8\xff\xe0 half", "damaged|truncated|cut short"),
        (bomb(), r"30000x30000 is 900\.0 megapixels"),
    ],
    ids=["text", "half a JPEG", "zip bomb"],
)
def test_bad_content_is_an_error_with_its_hash(tmp_path, content, fault):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    prepared = prepare(listed(path), HOW)
    assert prepared.bgr is None
    assert re.search(fault, prepared.error)
    assert "bad.jpg" not in prepared.error
    assert prepared.facts == Facts(len(content), path.stat().st_mtime_ns, hashlib.sha256(content).hexdigest())


def make_fifo(path):
    os.mkfifo(path)


def make_folder(path):
    path.mkdir()


def make_empty(path):
    path.touch()


def make_large(path):
    with path.open("wb") as file:
        file.truncate(HOW.max_bytes + 1)


def make_broken_link(path):
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (make_fifo, "it is a pipe, not a file"),
        (make_folder, "it is a directory, not a file"),
        (make_empty, "empty: 0 bytes"),
        (make_large, "it has 1000001 bytes, the limit is 1000000 (max_bytes)"),
        (make_broken_link, "no such file"),
        (lambda path: None, "no such file"),
    ],
    ids=["pipe", "folder", "empty", "large", "broken link", "vanished"],
)
def test_what_cannot_be_read_keeps_what_was_listed(tmp_path, make, fault):
    path = tmp_path / "x.jpg"
    make(path)
    for look in (prepare, identify):
        prepared = look(Listed(str(path), 12, 34), HOW)
        assert (prepared.error, prepared.facts, prepared.bgr) == (fault, Facts(12, 34), None)


def test_a_fault_of_the_listing_is_the_error(tmp_path):
    prepared = prepare(Listed(str(tmp_path), fault="no permission to list it: \udcff"), HOW)
    assert (prepared.error, prepared.facts) == ("no permission to list it: \\udcff", Facts())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_is_forbidden(tmp_path):
    path = tmp_path / "x.jpg"
    path.touch()
    path.chmod(0)
    assert prepare(listed(path), HOW).error == "no permission to read it"


@pytest.mark.parametrize(("change", "fault"), [(b"more", "it grew while"), (b"", "it was written to while")])
def test_a_file_that_is_written_to_while_it_is_read(samples, tmp_path, monkeypatch, change, fault):
    path = tmp_path / "x.jpg"
    path.write_bytes(samples[0].read_bytes())
    real = os.fstat
    states = []

    def changing(descriptor):
        states.append(real(descriptor))
        if len(states) == 1:
            with path.open("ab") as file:
                file.write(change)
            os.utime(path, ns=(1, 1))
        return states[-1]

    monkeypatch.setattr(files_module.os, "fstat", changing)
    prepared = prepare(Listed(str(path)), HOW)
    assert prepared.error.startswith(fault)
    assert prepared.facts.content_hash is None


def test_a_time_that_tables_cannot_hold(samples, tmp_path):
    picture = tmp_path / "2300.jpg"
    picture.write_bytes(samples[0].read_bytes())
    late_ns = (2300 - 1970) * 365 * 24 * 3600 * 10**9
    os.utime(picture, ns=(late_ns, late_ns))
    if picture.stat().st_mtime_ns != late_ns:
        pytest.skip("this file system holds no time after the year 2262")
    assert list_file(str(picture)).mtime_ns is None
    prepared = prepare(Listed(str(picture)), HOW)
    assert (prepared.facts.mtime_ns, prepared.error) == (None, None)


def test_names_of_any_bytes(samples, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.jpg")
    with open(path, "wb") as file:
        file.write(samples[0].read_bytes())
    assert prepare(Listed(path), HOW).error is None


def test_identifying_reads_the_same(samples):
    facts = prepare(listed(samples[0]), HOW).facts
    identified = identify(listed(samples[0]), HOW)
    assert (identified.error, identified.bgr) == (None, None)
    assert identified.facts == Facts(facts.size, facts.mtime_ns, facts.content_hash)
