"""What must be known of an ONNX file before TensorRT reads it, without the onnx package: devices do not have it.

TensorRT's parser takes an empty file and an unknown opset in silence, and reads weights that a file only points to
from whatever folder the process happens to run in. So the few fields of protobuf that tell are read here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from deepbiq.errors import EngineError

OPSETS = range(13, 21)
"""Of the standard operators. Before 13 a scale could not be given per channel; deepbiq writes 17 and 18; newer ones
than 20 are younger than the parser of JetPack 6."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1
_FLOAT_BYTES = 4
_BYTES_BY_TYPE = {2: 1, 3: 1, 4: 2, 5: 2, 7: 8, 9: 1, 10: 2, 11: 8, 13: 8, 16: 2}
"""By ONNX's TensorProto.DataType (2 is uint8, 3 int8, 10 float16, 16 bfloat16, 7 int64, ...); others take four."""

Field = tuple[int, int | memoryview]
"""Number and value of a protobuf field."""


@dataclass
class _Tensor:
    elements: int
    item_bytes: int


@dataclass
class _Scan:
    """What was met on the way through a file."""

    opset: int | None = None
    external: list[str] = field(default_factory=list)
    tensors: list[_Tensor] = field(default_factory=list)
    by_name: dict[str, _Tensor] = field(default_factory=dict)
    has_nodes: bool = False


@dataclass(frozen=True)
class OnnxFacts:
    """What an ONNX file says of itself.

    Attributes:
        opset: Version of the standard operators.
        weight_bytes: Size of all weights in the type that they are computed in: one byte an element where they are
            quantised, four where they are only stored as something smaller.
    """

    opset: int
    weight_bytes: int


def read_onnx(model: bytes) -> OnnxFacts:
    """Reads an ONNX file far enough to tell whether TensorRT may have it.

    Args:
        model: The whole file.

    Raises:
        EngineError: When it is empty, cut short or no ONNX, of an opset outside `OPSETS`, or keeps weights in
            other files.
    """
    if not model:
        raise EngineError("the ONNX file is empty: export the bundle again")
    scan = _Scan()
    try:
        for number, value in _fields(memoryview(model)):
            if number == 7 and isinstance(value, memoryview):
                _scan_graph(value, scan)
            elif number == 8 and isinstance(value, memoryview):
                _scan_opset(value, scan)
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise EngineError(f"the ONNX file is cut short or no ONNX ({error}): export the bundle again") from error
    if not scan.has_nodes:
        raise EngineError(f"the {len(model)} bytes hold no ONNX graph with a node: export the bundle again")
    if scan.external:
        raise EngineError(
            f"the ONNX file keeps weights in other files ({', '.join(scan.external[:3])}): a bundle's graph must "
            "hold all of them itself, save it with its weights inside"
        )
    if scan.opset is None or scan.opset not in OPSETS:
        raise EngineError(
            f"the ONNX file is of opset {scan.opset}, deepbiq builds {OPSETS.start} to {OPSETS.stop - 1}: "
            "export it with one of these"
        )
    return OnnxFacts(scan.opset, sum(tensor.elements * tensor.item_bytes for tensor in scan.tensors))


def _fields(message: memoryview) -> Iterator[Field]:
    """Yields the fields of a protobuf message; groups, which ONNX has none of, are an error."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"field of unknown kind {kind}")
        if size > len(message) - at:
            raise ValueError(f"a field of {size} bytes, {len(message) - at} are left")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Reads a number of seven bits a byte; returns it and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _scan_opset(message: memoryview, scan: _Scan) -> None:
    """OperatorSetIdProto; only the standard operators' version matters, others are unknown operators anyway."""
    fields = dict(_fields(message))
    domain, version = fields.get(1, b""), fields.get(2)
    if _text(domain) in ("", "ai.onnx") and isinstance(version, int):
        scan.opset = version


def _scan_graph(message: memoryview, scan: _Scan) -> None:
    """GraphProto: its initialisers first, then its nodes, which may stand before them in the file."""
    fields = [(number, value) for number, value in _fields(message) if isinstance(value, memoryview)]
    for number, value in fields:
        if number == 5:
            _scan_tensor(value, scan)
    for number, value in fields:
        if number == 1:
            _scan_node(value, scan)


def _scan_tensor(message: memoryview, scan: _Scan) -> None:
    """TensorProto, an initialiser or a constant."""
    dims: list[int] = []
    name, kind, location, external = "", 0, 0, "another file"
    for number, value in _fields(message):
        if number == 1:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = _text(value)
        elif number == 13 and isinstance(value, memoryview):
            entry = dict(_fields(value))
            external = _text(entry.get(2, b"")) if _text(entry.get(1, b"")) == "location" else external
        elif number == 14 and isinstance(value, int):
            location = value
    if location == _EXTERNAL:
        scan.external.append(external)
    tensor = _Tensor(math.prod(dims), _BYTES_BY_TYPE.get(kind, 4))
    scan.tensors.append(tensor)
    scan.by_name[name] = tensor


def _packed(message: memoryview) -> list[int]:
    numbers, at = [], 0
    while at < len(message):
        number, at = _varint(message, at)
        numbers.append(number)
    return numbers


def _scan_node(message: memoryview, scan: _Scan) -> None:
    """NodeProto: what it does to weights, and the tensors and graphs among its attributes."""
    scan.has_nodes = True
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    for number, value in _fields(message):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            operator = _text(value)
        elif number == 5 and isinstance(value, memoryview):
            for attribute, inner in _fields(value):
                if attribute == 5 and isinstance(inner, memoryview):
                    _scan_tensor(inner, scan)
                elif attribute == 6 and isinstance(inner, memoryview):
                    _scan_graph(inner, scan)
    weight = scan.by_name.get(inputs[0]) if inputs else None
    if weight is not None and operator == "QuantizeLinear":
        weight.item_bytes = 1
    elif weight is not None and operator == "Cast" and outputs:
        weight.item_bytes = _FLOAT_BYTES
        scan.by_name[outputs[0]] = weight


def _text(value: int | bytes | memoryview) -> str:
    return "" if isinstance(value, int) else bytes(value).decode()
