from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbiq.imaging.fault import FaultError
from deepbiq.imaging.tiff_codecs import LZW, PACKBITS, unpack


def pack_lzw(data: bytes) -> bytes:
    """Compress as TIFF 6.0 section 13 describes it, code by code."""
    bits: list[str] = []
    table: dict[bytes, int] = {}
    width = 9

    def emit(code: int) -> None:
        bits.append(format(code, f"0{width}b"))

    emit(256)
    prefix = b""
    for value in data:
        longer = prefix + bytes([value])
        if len(longer) == 1 or longer in table:
            prefix = longer
            continue
        emit(table.get(prefix, prefix[0]))
        table[longer] = 258 + len(table)
        width = 9 + sum(258 + len(table) > limit for limit in (511, 1023, 2047))
        if 258 + len(table) == 4095:
            emit(256)
            table, width = {}, 9
        prefix = bytes([value])
    if prefix:
        emit(table.get(prefix, prefix[0]))
        table[b""] = 0
        width = 9 + sum(258 + len(table) > limit for limit in (511, 1023, 2047))
    emit(257)
    text = "".join(bits)
    return int(text, 2).__lshift__(-len(text) % 8).to_bytes(-(-len(text) // 8), "big")


@settings(max_examples=200)
@given(
    st.binary(min_size=1, max_size=3000) | st.lists(st.sampled_from(b"ab"), min_size=1, max_size=5000).map(bytes)
)
def test_lzw_gives_back_what_was_packed(data):
    packed = pack_lzw(data)
    assert bytes(unpack(LZW, packed, len(data))) == data
    with pytest.raises(FaultError, match="instead of"):
        unpack(LZW, packed, len(data) + 1)


@pytest.mark.parametrize("kind", ["noise", "zeros", "ramp", "text"])
def test_lzw_over_many_tables(kind):
    rng = np.random.default_rng(0)
    data = {
        "noise": rng.integers(0, 256, 60_000, dtype=np.uint8).tobytes(),
        "zeros": bytes(1_000_000),
        "ramp": bytes(range(256)) * 400,
        "text": b"the quick brown fox jumps over the lazy dog. " * 2000,
    }[kind]
    assert bytes(unpack(LZW, pack_lzw(data), len(data))) == data


@settings(max_examples=300)
@given(st.binary(max_size=400), st.integers(1, 2000))
def test_lzw_of_noise_is_unpacked_or_refused(packed, expected):
    with contextlib.suppress(FaultError):
        assert len(unpack(LZW, packed, expected)) == expected


def test_lzw_that_only_clears_its_table_is_refused_soon():
    bits = "100000000" * 8000
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    with pytest.raises(FaultError, match="again and again"):
        unpack(LZW, packed, 100)


def pack_packbits(data: bytes) -> bytes:
    """Compress with runs of up to 128 equal bytes and literals of one byte, with no-operations between them."""
    packed = b""
    at = 0
    while at < len(data):
        run = 1
        while run < 128 and data[at + run : at + run + 1] == data[at : at + 1]:
            run += 1
        packed += (bytes([257 - run]) if run > 1 else b"\x80\x00") + data[at : at + 1]
        at += run
    return packed


@given(st.binary(min_size=1, max_size=600) | st.lists(st.sampled_from(b"ab"), min_size=1, max_size=900).map(bytes))
def test_packbits_gives_back_what_was_packed(data):
    packed = pack_packbits(data)
    assert unpack(PACKBITS, packed, len(data)) == data
    assert unpack(PACKBITS, bytes([len(data[:128]) - 1]) + data[:128], len(data[:128])) == data[:128]
    with pytest.raises(FaultError, match=f"unpacks to {len(data)} instead of {len(data) + 1}"):
        unpack(PACKBITS, packed, len(data) + 1)
    for end in range(0, len(packed), 7):
        with pytest.raises(FaultError):
            unpack(PACKBITS, packed[:end], len(data))
