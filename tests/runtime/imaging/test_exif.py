from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.imaging.exif import orientation
from tests.fuzz.picture_samples import exif_block


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_in_both_byte_orders(value, order):
    assert orientation(exif_block(value, order)) == value
    assert orientation(b"Exif\0\0" + exif_block(value, order)) == value


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_values_outside_of_the_range_mean_upright(value):
    assert orientation(exif_block(value)) == 1


def test_a_long_is_tolerated_but_other_types_are_not():
    for kind, expected in ((4, 6), (2, 1), (7, 1)):
        block = b"II" + struct.pack("<HIHHHIII", 42, 8, 1, 0x0112, kind, 1, 6, 0)
        assert orientation(block) == expected


def test_other_tags_before_it_are_skipped():
    entries = struct.pack("<HHII", 0x010F, 2, 4, 0) + struct.pack("<HHIHH", 0x0112, 3, 1, 8, 0)
    assert orientation(b"II" + struct.pack("<HIH", 42, 8, 2) + entries) == 8


@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0", b"II*\0\x08\0\0\0\xff\xff"]),
)
def test_damaged_blocks_mean_upright(noise, start):
    assert 1 <= orientation(start + noise) <= 8


def test_truncated_blocks_mean_upright():
    block = exif_block(6)
    assert [orientation(block[:end]) for end in range(10)] == [1] * 10
