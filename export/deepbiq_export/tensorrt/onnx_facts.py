"""What must be known of an ONNX file before TensorRT reads it, without the onnx package: devices do not have it.

TensorRT's parser takes an empty file and an unknown opset in silence, and reads weights that a file only points to
from whatever folder the process happens to run in. So the few fields of protobuf that tell are read here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deepbiq import onnx_fields as fields
from deepbiq.errors import EngineError
from deepbiq.protobuf import Value, packed_numbers, split

OPSETS = range(13, 21)
"""Of the standard operators. Before 13 a scale could not be given per channel; deepbiq writes 17 and 18; newer ones
than 20 are younger than the parser of JetPack 6."""

_EXTERNAL = 1
_FLOAT_BYTES = 4
_BYTES_BY_TYPE = {2: 1, 3: 1, 4: 2, 5: 2, 7: 8, 9: 1, 10: 2, 11: 8, 13: 8, 16: 2}
"""By ONNX's TensorProto.DataType (2 is uint8, 3 int8, 10 float16, 16 bfloat16, 7 int64, ...); others take four."""


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
        for number, value in split(memoryview(model)):
            if number == fields.MODEL_GRAPH and isinstance(value, memoryview):
                _scan_graph(value, scan)
            elif number == fields.MODEL_OPSET and isinstance(value, memoryview):
                _scan_opset(value, scan)
    except (RecursionError, ValueError) as error:  # graphs may lie in graphs, but not thousands deep
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


def _scan_opset(message: memoryview, scan: _Scan) -> None:
    """OperatorSetIdProto; only the standard operators' version matters, others are unknown operators anyway."""
    found = dict(split(message))
    domain, version = found.get(fields.OPSET_DOMAIN, b""), found.get(fields.OPSET_VERSION)
    if _text(domain) in ("", "ai.onnx") and isinstance(version, int):
        scan.opset = version


def _scan_graph(message: memoryview, scan: _Scan) -> None:
    """GraphProto: its initialisers first, then its nodes, which may stand before them in the file."""
    messages = [(number, value) for number, value in split(message) if isinstance(value, memoryview)]
    for number, value in messages:
        if number == fields.GRAPH_CONSTANT:
            _scan_tensor(value, scan)
    for number, value in messages:
        if number == fields.GRAPH_NODE:
            _scan_node(value, scan)


def _scan_tensor(message: memoryview, scan: _Scan) -> None:
    """TensorProto, an initialiser or a constant."""
    dims: list[int] = []
    name, kind, location, external = "", 0, 0, "another file"
    for number, value in split(message):
        if number == fields.TENSOR_SHAPE:
            dims += [value] if isinstance(value, int) else packed_numbers(value)
        elif number == fields.TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == fields.TENSOR_NAME:
            name = _text(value)
        elif number == fields.TENSOR_EXTERNAL and isinstance(value, memoryview):
            entry = dict(split(value))
            if _text(entry.get(fields.ENTRY_KEY, b"")) == "location":
                external = _text(entry.get(fields.ENTRY_VALUE, b""))
        elif number == fields.TENSOR_LOCATION and isinstance(value, int):
            location = value
    if location == _EXTERNAL:
        scan.external.append(external)
    tensor = _Tensor(math.prod(dims), _BYTES_BY_TYPE.get(kind, 4))
    scan.tensors.append(tensor)
    scan.by_name[name] = tensor


def _scan_node(message: memoryview, scan: _Scan) -> None:
    """NodeProto: what it does to weights, and the tensors and graphs among its attributes."""
    scan.has_nodes = True
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    for number, value in split(message):
        if number == fields.NODE_INPUT:
            inputs.append(_text(value))
        elif number == fields.NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == fields.NODE_OPERATOR:
            operator = _text(value)
        elif number == fields.NODE_ATTRIBUTE and isinstance(value, memoryview):
            for attribute, inner in split(value):
                if attribute == fields.ATTRIBUTE_TENSOR and isinstance(inner, memoryview):
                    _scan_tensor(inner, scan)
                elif attribute == fields.ATTRIBUTE_GRAPH and isinstance(inner, memoryview):
                    _scan_graph(inner, scan)
    weight = scan.by_name.get(inputs[0]) if inputs else None
    if weight is not None and operator == "QuantizeLinear":
        weight.item_bytes = 1
    elif weight is not None and operator == "Cast" and outputs:
        weight.item_bytes = _FLOAT_BYTES
        scan.by_name[outputs[0]] = weight


def _text(value: Value) -> str:
    return "" if isinstance(value, int) else bytes(value).decode()
