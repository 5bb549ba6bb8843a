"""Reading Caffe's binary files without Caffe: `.caffemodel` (weights) and `.binaryproto` (a mean picture).

Both are protocol buffers. The few fields that matter are described here, with the numbers of Caffe's
src/caffe/proto/caffe.proto, and the protobuf library builds its parser from that: it takes repeated numbers packed
and unpacked, and skips every field that is not described.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq_training.backbones.weights import WeightsError

_PACKAGE = "deepbiq.caffe"
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "BlobShape": {"dim": (1, "repeated int64")},
    "BlobProto": {
        "num": (1, "int64"),
        "channels": (2, "int64"),
        "height": (3, "int64"),
        "width": (4, "int64"),
        "data": (5, "repeated float"),
        "shape": (7, "BlobShape"),
        "double_data": (8, "repeated double"),
    },
    "V1LayerParameter": {"name": (4, "string"), "blobs": (6, "repeated BlobProto")},
    "LayerParameter": {"name": (1, "string"), "blobs": (7, "repeated BlobProto")},
    "NetParameter": {"layers": (2, "repeated V1LayerParameter"), "layer": (100, "repeated LayerParameter")},
}
"""Field numbers and types by message and field; `layers` is the form that Caffe wrote until late 2014."""
_PARAMETERS = ("weight", "bias")
"""What the blobs of convolutions and fully connected layers hold, in order."""


def read_caffemodel(data: bytes, path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Reads the parameters of all layers.

    Args:
        data: The file's bytes.
        path: Its name, for errors.

    Returns:
        Arrays by `LAYER.weight` and `LAYER.bias` (a third blob would be `LAYER.blob2`). Blobs of the old form,
        which always state four axes, lose their leading axes of length one.

    Raises:
        WeightsError: When it is truncated, something else, or a blob has another length than its shape.
    """
    net = _parse("NetParameter", data, path)
    arrays = {
        f"{layer.name}.{_PARAMETERS[i] if i < len(_PARAMETERS) else f'blob{i}'}": _array(
            blob, f"{path}: blob {i} of layer {layer.name!r}"
        )
        for layer in (*net.layer, *net.layers)
        for i, blob in enumerate(layer.blobs)
    }
    if not arrays:
        raise WeightsError(
            f"{path}: holds no layer with weights: not a .caffemodel, or one of 2013 that Caffe's "
            "upgrade_net_proto_binary must convert first"
        )
    return arrays


def read_mean(data: bytes, path: Path) -> tuple[float, float, float]:
    """Reads a mean picture and averages it per channel.

    A mean per pixel, which Caffe subtracts while it trains, fits only crops of one place; the mean per channel is
    what Caffe's own Python example (examples/00-classification) uses, and works for windows anywhere.

    Args:
        data: The file's bytes.
        path: Its name, for errors.

    Returns:
        Blue, green, red, 0..255.

    Raises:
        WeightsError: When it is truncated, something else, or not a mean of three channels in pixel values.
    """
    mean = _array(_parse("BlobProto", data, path), f"{path}: the mean")
    if mean.ndim == 4 and mean.shape[0] == 1:
        mean = mean[0]
    if mean.ndim != 3 or mean.shape[0] != 3 or not mean.size:
        raise WeightsError(f"{path}: a mean file holds one picture of 3 channels, this has shape {mean.shape}")
    blue, green, red = (float(value) for value in mean.mean(axis=(1, 2), dtype=np.float64))
    if not all(0 <= value <= 255 for value in (blue, green, red)):
        raise WeightsError(f"{path}: means {blue:g}, {green:g}, {red:g} are no pixel values of 0 to 255")
    return blue, green, red


def _parse(message: str, data: bytes, path: Path) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return _message_class(message).FromString(data)
    except DecodeError as error:
        raise WeightsError(f"{path}: truncated, or not a file of Caffe's ({error})") from error


def _array(blob: Any, name: str) -> npt.NDArray[np.float32]:
    """Copies a blob's numbers; those in double precision are rounded."""
    values = blob.double_data or blob.data
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else tuple(_legacy_shape(blob))
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise WeightsError(f"{name} holds {len(values)} numbers, its shape {shape} needs {math.prod(shape)}")
    # Without fromiter NumPy would hold every number as an object of 24 bytes first.
    return np.fromiter(values, np.float32, len(values)).reshape(shape)


def _legacy_shape(blob: Any) -> Iterator[int]:
    axes = (blob.num, blob.channels, blob.height, blob.width)
    first = next((i for i, length in enumerate(axes) if length != 1), len(axes) - 1)
    yield from axes[first:]


@functools.cache
def _message_class(message: str) -> Any:
    """Builds the class of one of the messages, in a pool of its own so that Caffe's own may be loaded beside it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="deepbiq_caffe.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _describe_field(described.field.add(name=field, number=number), kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{message}"))


def _describe_field(field: Any, kind: str) -> None:
    *repeated, type_name = kind.split()
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if type_name in _MESSAGES:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{type_name}"
    else:
        field.type = getattr(field, f"TYPE_{type_name.upper()}")
