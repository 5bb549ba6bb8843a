"""Messages are put together of fields as the library of Protocol Buffers does it, and taken apart again."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.protobuf import Fixed, join, packed_numbers, split

VALUES = (
    st.integers(0, 2**64 - 1) | st.binary(max_size=300) | st.sampled_from([4, 8]).map(lambda n: Fixed(range(n)))
)
FIELDS = st.lists(st.tuples(st.integers(1, 2**20), VALUES))


@given(FIELDS)
def test_a_message_is_taken_apart_into_what_it_was_put_together_of(fields):
    found = split(join(fields))
    assert found == fields
    assert [type(value) for _, value in found] == [type(value) for _, value in fields]


@given(FIELDS, st.integers(1, 20))
def test_a_message_that_was_cut_off_is_an_error_or_has_fewer_fields(fields, lost):
    message = join(fields)
    with contextlib.suppress(ValueError):
        found = split(message[:-lost])
        assert found == fields[: len(found)]


def test_fields_are_those_of_the_library():
    onnx = pytest.importorskip("onnx", reason="messages are written with onnx: install deepbiq[export]")
    attribute = onnx.AttributeProto(name="räume", f=1.5, i=300)
    assert split(attribute.SerializeToString()) == [
        (1, "räume".encode()),
        (2, Fixed(b"\x00\x00\xc0\x3f")),
        (3, 300),
    ]
    assert join(split(attribute.SerializeToString())) == attribute.SerializeToString()
    assert packed_numbers(b"\x07\xac\x02") == [7, 300]


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"\x0b", "field of unknown kind 3"),
        (b"\x0a\x02a", "a field of 2 bytes, 1 are left"),
        (b"\x08\xff", "a number that does not end"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "a number that does not end"),
    ],
)
def test_damage_is_told(message, fault):
    with pytest.raises(ValueError, match=fault):
        split(message)
