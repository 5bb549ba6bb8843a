import io
import os
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.inputs import expand, read_list

names = st.lists(
    st.binary(min_size=1, max_size=20).filter(lambda name: name.strip() and b"\0" not in name), min_size=1
)


def listed(data):
    return [os.fsencode(path) for path in read_list(io.BufferedReader(io.BytesIO(data)))]


@given(names)
def test_nul_lists_keep_every_byte(entries):
    assert listed(b"\0".join(entries) + b"\0") == entries


@given(names)
def test_lines_keep_every_byte_but_line_ends(entries):
    entries = [entry.replace(b"\n", b"x").replace(b"\r", b"y") for entry in entries]
    assert listed(b"\n".join(entries)) == entries


@contextmanager
def piped():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as writer:
        yield read_list(stream), writer


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_entries_are_read_as_they_come(separator):
    with piped() as (paths, writer):
        assert not paths.ready()
        writer.write(b"one" + separator + b"tw")
        assert paths.ready()
        assert next(paths) == "one"
        assert not paths.ready()
        writer.write(b"o" + separator)
        assert paths.ready()
        assert next(paths) == "two"
        writer.close()
        assert paths.ready()
        assert list(paths) == []


def test_the_last_entry_needs_no_separator():
    with piped() as (paths, writer):
        writer.write(b"one")
        writer.close()
        assert paths.ready()
        assert list(paths) == ["one"]


def test_what_is_no_list_is_always_ready(tmp_path):
    assert expand([str(tmp_path)], recursive=True, note=lambda _: None).ready()


def test_blank_lines_are_no_paths():
    assert listed(b"\n  \na\n\n") == [b"a"]
