import io
import os

from hypothesis import given
from hypothesis import strategies as st

from deepbiq.inputs import read_list

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


def test_lines_are_read_as_they_come():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as writer:
        writer.write(b"one\n")
        paths = read_list(stream)
        assert next(paths) == "one"
        writer.write(b"two\n")
        assert next(paths) == "two"


def test_blank_lines_are_no_paths():
    assert listed(b"\n  \na\n\n") == [b"a"]
