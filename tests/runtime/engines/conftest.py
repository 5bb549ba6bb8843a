from __future__ import annotations

import sys

import pytest

from deepbiq.cuda import Device
from deepbiq.graphs import Graph
from tests.runtime.cuda.memory_cuda import Faults, MemoryCuda
from tests.runtime.engines.memory_tensorrt import memory_tensorrt
from tests.tiny_model import SIZE, STRIDE

ORIN = Device(name="Orin", compute_capability=(8, 7), integrated=True, driver="12.6", l4t="36.4.3")
DESKTOP = Device(name="RTX", compute_capability=(8, 9), integrated=False, driver="13.0", l4t=None)
FIRST_NANO = Device(name="X1", compute_capability=(5, 3), integrated=True, driver="10.2", l4t="32.7.4")


@pytest.fixture
def cuda(monkeypatch):
    """CUDA in memory, with a TensorRT that works on it in the place of the module."""
    return cuda_of(monkeypatch)


def cuda_of(monkeypatch, fail_at=None):
    made = MemoryCuda(Faults(fail_at))
    made.tensorrt = memory_tensorrt(made)
    monkeypatch.setitem(sys.modules, "tensorrt", made.tensorrt)
    return made


def tiny_graph(**changes):
    facts = {"key": "fp32", "precision": "fp32", "model": b"onnx", "input_name": "image", "output_name": "features"}
    shape = {"input_size": SIZE, "stride": STRIDE, "outer_windows": 1, "feature_size": 3}
    return Graph(**{**facts, **shape, **changes})
