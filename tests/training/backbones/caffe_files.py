"""Writes Caffe's binary files byte by byte, as the protocol buffer format says, independent of the reader."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number: int, wire: int, content: bytes) -> bytes:
    length = varint(len(content)) if wire == BYTES else b""
    return varint(number << 3 | wire) + length + content


def number(at: int, value: int) -> bytes:
    return field(at, VARINT, varint(value))


def shape_of(array: Array, *, packed: bool = True) -> bytes:
    if packed:
        return field(7, BYTES, field(1, BYTES, b"".join(varint(length) for length in array.shape)))
    return field(7, BYTES, b"".join(number(1, length) for length in array.shape))


def legacy_shape_of(array: Array) -> bytes:
    axes = (1,) * (4 - array.ndim) + array.shape
    return b"".join(number(at, length) for at, length in enumerate(axes, start=1))


def packed_floats(array: Array) -> bytes:
    return field(5, BYTES, array.astype("<f4").tobytes())


def unpacked_floats(array: Array) -> bytes:
    return b"".join(field(5, FIXED32, struct.pack("<f", value)) for value in array.ravel().tolist())


def packed_doubles(array: Array) -> bytes:
    return field(8, BYTES, array.astype("<f8").tobytes())


def new_blob(array: Array) -> bytes:
    return shape_of(array) + packed_floats(array)


def old_blob(array: Array) -> bytes:
    return legacy_shape_of(array) + packed_floats(array)


def new_layer(name: str, kind: str, *blobs: bytes) -> bytes:
    body = field(1, BYTES, name.encode()) + field(2, BYTES, kind.encode())
    return field(100, BYTES, body + b"".join(field(7, BYTES, blob) for blob in blobs))


def old_layer(name: str, kind: int, *blobs: bytes) -> bytes:
    body = field(4, BYTES, name.encode()) + number(5, kind)
    return field(2, BYTES, body + b"".join(field(6, BYTES, blob) for blob in blobs))


def net(*layers: bytes) -> bytes:
    return field(1, BYTES, b"CaffeNet") + b"".join(layers)


def caffenet_arrays(classes: int, seed: int = 0) -> dict[str, tuple[Array, Array]]:
    """Weights and biases by layer, in the shapes of the reference network."""
    generator = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1": (96, 3, 11, 11),
        "conv2": (256, 48, 5, 5),
        "conv3": (384, 256, 3, 3),
        "conv4": (384, 192, 3, 3),
        "conv5": (256, 192, 3, 3),
        "fc6": (4096, 9216),
        "fc7": (4096, 4096),
        "fc8": (classes, 4096),
    }
    return {
        name: (
            # A random value per row and a ramp: as telling as noise, and made in a moment.
            generator.random((shape[0], *(1,) * (len(shape) - 1)), np.float32)
            * np.linspace(-0.01, 0.01, int(np.prod(shape[1:])), dtype=np.float32).reshape(1, *shape[1:]),
            generator.random(shape[0], np.float32),
        )
        for name, shape in shapes.items()
    }


def new_caffemodel(arrays: dict[str, tuple[Array, Array]]) -> bytes:
    layers = [new_layer(name, "Any", *(new_blob(array) for array in blobs)) for name, blobs in arrays.items()]
    return net(new_layer("data", "Data"), *layers, new_layer("prob", "Softmax"))


def old_caffemodel(arrays: dict[str, tuple[Array, Array]]) -> bytes:
    layers = [old_layer(name, 4, *(old_blob(array) for array in blobs)) for name, blobs in arrays.items()]
    return net(old_layer("data", 5), *layers, old_layer("prob", 20))


def mean_file(bgr: tuple[float, float, float]) -> bytes:
    """A mean picture whose channels have these means, but not in every pixel."""
    ramp = np.linspace(-20, 20, 16 * 16, dtype=np.float32).reshape(16, 16)
    return old_blob(np.stack([np.float32(value) + ramp for value in bgr]).astype(np.float32)[None])
