from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from deepbiq.errors import ImageError, OptionError
from deepbiq.imaging import Limits, printable, read_bytes
from deepbiq.imaging import files as files_module


def test_all_bytes_are_read(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(range(256)) * 999)
    assert read_bytes(path) == path.read_bytes()
    assert read_bytes(str(path)) == path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    assert read_bytes(tmp_path / "link") == path.read_bytes()


def test_a_missing_file(tmp_path):
    for path in (tmp_path / "none.jpg", tmp_path / "none" / "none.jpg", ""):
        with pytest.raises(ImageError, match="no such file"):
            read_bytes(path)


def test_a_broken_link_and_a_loop(tmp_path):
    (tmp_path / "broken").symlink_to(tmp_path / "none")
    with pytest.raises(ImageError, match="no such file"):
        read_bytes(tmp_path / "broken")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ImageError, match="cannot be read: Too many levels"):
        read_bytes(tmp_path / "loop")


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    # Not by chmod: the tests may run as a user who may read everything.
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match="no permission to read it"):
        read_bytes(path)


def test_what_is_no_file_is_refused_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for path, kind in (
            (tmp_path, "a directory"),
            (tmp_path / "pipe", "a pipe"),
            (tmp_path / "s", "a socket"),
            (Path("/dev/zero"), "a device"),
        ):
            with pytest.raises(ImageError, match=f"it is {kind}, not a file"):
                read_bytes(path)


def test_a_pipe_that_takes_the_place_of_a_file_is_refused_without_blocking(tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"x")
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(files_module.os, "stat", lambda _: before)
    with pytest.raises(ImageError, match="it is a pipe"):
        read_bytes(path)


def test_empty_and_large_files(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="empty: 0 bytes"):
        read_bytes(path)
    path.write_bytes(b"1234")
    assert read_bytes(path, Limits(max_bytes=4)) == b"1234"
    with pytest.raises(ImageError, match=r"4 bytes, the limit is 3 \(max_bytes\)"):
        read_bytes(path, Limits(max_bytes=3))


def test_a_large_file_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageError, match="1099511627776 bytes, the limit is 67108864"):
        read_bytes(path)


@pytest.mark.parametrize(("size", "change"), [(3, "shrank"), (5, "grew")])
def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch, size, change):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"1234")
    real = os.fstat

    def changing(descriptor):
        status = real(descriptor)
        os.truncate(path, size)
        return status

    monkeypatch.setattr(files_module.os, "fstat", changing)
    with pytest.raises(ImageError, match=f"it {change} while it was read"):
        read_bytes(path)


def test_names_that_are_no_unicode_give_printable_errors(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9\n.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"picture")
    assert read_bytes(os.fsdecode(raw)) == b"picture"
    with pytest.raises(ImageError) as caught:
        read_bytes(os.fsdecode(raw) + "2")
    str(caught.value).encode("utf-8")
    assert str(caught.value).endswith("caf\\udce9\\n.jpg2: no such file")
    with pytest.raises(ImageError, match="no usable path"):
        read_bytes("photo\0.jpg")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße 猫.jpg", "Grüße 猫.jpg"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected


@pytest.mark.parametrize("value", [0, -1, 1.5, "9", None, True])
@pytest.mark.parametrize("name", ["max_pixels", "max_bytes"])
def test_limits_that_make_no_sense(name, value):
    with pytest.raises(OptionError, match=f"{name} must be a positive whole number, not "):
        Limits(**{name: value})


def test_the_default_limits():
    assert Limits() == Limits(max_pixels=100_000_000, max_bytes=64 * 2**20)
