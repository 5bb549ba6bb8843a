"""The wire format of Protocol Buffers: messages taken apart into fields, and put together of them.

A field is a tag (its number and the kind of its value) before the value. What the numbers mean, each message says
for itself. Groups, which ONNX has none of, are an error.
"""

from __future__ import annotations

from collections.abc import Iterable


class Fixed(bytes):
    """A number of four or eight bytes, as floats are."""


Value = int | bytes | memoryview | Fixed
Field = tuple[int, Value]
"""A field's number, and its value: a whole number, one of fixed size, or bytes (a text, or a message in itself)."""

_WHOLE_NUMBER, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED32: 4, _FIXED64: 8}
_MOST_NUMBER_BYTES = 10


def split(message: bytes | memoryview) -> list[Field]:
    """Takes a message apart; of a view, the fields are views, so that megabytes are not copied.

    Raises:
        ValueError: When it was cut off, or is none.
    """
    fields: list[Field] = []
    at = 0
    while at < len(message):
        tag, at = _read_number(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _WHOLE_NUMBER:
            whole, at = _read_number(message, at)
            fields.append((number, whole))
            continue
        if kind == _BYTES:
            size, at = _read_number(message, at)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError(f"field of unknown kind {kind}")
        if size > len(message) - at:
            raise ValueError(f"a field of {size} bytes, {len(message) - at} are left")
        value = message[at : at + size]
        fields.append((number, value if kind == _BYTES else Fixed(value)))
        at += size
    return fields


def join(fields: Iterable[Field]) -> bytes:
    """Puts a message together, the inverse of `split`."""
    parts: list[bytes | memoryview] = []
    for number, value in fields:
        if isinstance(value, int):
            parts += (_number(number << 3 | _WHOLE_NUMBER), _number(value))
        elif isinstance(value, Fixed):
            parts += (_number(number << 3 | (_FIXED32 if len(value) == 4 else _FIXED64)), value)
        else:
            parts += (_number(number << 3 | _BYTES), _number(len(value)), value)
    return b"".join(parts)


def packed_numbers(message: bytes | memoryview) -> list[int]:
    """Reads whole numbers that stand in one field without tags.

    Raises:
        ValueError: When the last one was cut off.
    """
    numbers, at = [], 0
    while at < len(message):
        number, at = _read_number(message, at)
        numbers.append(number)
    return numbers


def _read_number(message: bytes | memoryview, at: int) -> tuple[int, int]:
    """Reads a whole number, seven bits a byte from the lowest on; returns it and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + _MOST_NUMBER_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number that does not end")


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
