"""A module with the names of TensorRT that the runtime uses, which computes mean colours on `MemoryCuda`.

A plan is JSON with the shapes that it takes. A test holds its names against the recorded signatures of TensorRT.
"""

from __future__ import annotations

import ctypes
import json
from enum import Enum
from types import ModuleType

import numpy as np

from tests.tiny_model import SIZE, STRIDE

VERSION = "10.3.0"


def plan_of(minimum=(1, SIZE, SIZE), maximum=(32, SIZE, SIZE), **more):
    """Makes a plan; `shift` is added to all features, `scratch` is the memory that a context needs."""
    content = {"minimum": minimum, "maximum": maximum, "shift": 0, "scratch": 64, **more}
    return json.dumps({"input": "image", "output": "features", **content}).encode()


def mean_colours(images):
    """(N, 3, rows, columns) of the windows around every cell, as `tests.tiny_model` computes them."""
    count, height, width, _ = images.shape
    cells = images.reshape(count, height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3).mean(axis=(2, 4))
    means = np.empty((count, 3, *cells.shape[1:3]), np.float32)
    for row, column in np.ndindex(means.shape[2:]):
        window = cells[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        means[:, :, row, column] = window.mean(axis=(1, 2))
    return means


class ILogger:
    class Severity(Enum):
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity


class DataType(Enum):
    UINT8, FLOAT = range(2)


class TensorIOMode(Enum):
    INPUT, OUTPUT = range(2)


class ExecutionContextAllocationStrategy(Enum):
    USER_MANAGED = 2


def memory_tensorrt(cuda):
    """Makes the module for a `MemoryCuda`; its `contexts` and `engines` count what is alive."""
    module = ModuleType("tensorrt")
    module.__version__ = VERSION
    for part in (ILogger, DataType, TensorIOMode, ExecutionContextAllocationStrategy):
        setattr(module, part.__name__, part)
    module.contexts = module.engines = 0
    module.while_running = lambda: None

    class Runtime:
        def __init__(self, logger):
            self._logger = logger

        def deserialize_cuda_engine(self, plan):
            try:
                facts = json.loads(plan)
            except ValueError:
                facts = None
            if facts is None or cuda.faults.hit("deserialize_cuda_engine"):
                self._logger.log(ILogger.INFO, "not worth keeping")
                self._logger.log(ILogger.ERROR, "Version tag does not match.\n Note: Current Version: 213")
                return None
            return ICudaEngine(facts, self._logger)

    class ICudaEngine:
        def __init__(self, facts, logger):
            self.facts, self._logger = facts, logger
            self.device_memory_size_v2 = facts["scratch"]
            self.num_io_tensors = 2
            module.engines += 1

        def __del__(self):
            module.engines -= 1

        def get_tensor_name(self, index):
            return self.facts[("output", "input")[index]]

        def get_tensor_mode(self, name):
            return TensorIOMode.INPUT if name == self.facts["input"] else TensorIOMode.OUTPUT

        def get_tensor_dtype(self, name):
            return DataType.UINT8 if name == self.facts["input"] else DataType.FLOAT

        def get_tensor_profile_shape(self, name, profile_index):
            assert (name, profile_index) == (self.facts["input"], 0)
            return [[*self.facts[end], 3] for end in ("minimum", "minimum", "maximum")]

        def create_execution_context(self, strategy):
            assert strategy is ExecutionContextAllocationStrategy.USER_MANAGED
            if cuda.faults.hit("create_execution_context"):
                return None
            return IExecutionContext(self, self._logger)

    class IExecutionContext:
        def __init__(self, engine, logger):
            self._engine, self._logger = engine, logger
            self.active_optimization_profile = -1
            self._addresses = {}
            self._shape = self._memory = None
            self._changes = 0
            module.contexts += 1

        def __del__(self):
            module.contexts -= 1

        def _answer(self, name, success=True):
            self._changes += name != "execute_async_v3"
            if not success or cuda.faults.hit(name):
                self._logger.log(ILogger.WARNING, f"{name}: refused")
                return False
            return True

        def set_optimization_profile_async(self, profile_index, stream_handle):
            cuda.content("stream", stream_handle)
            self.active_optimization_profile = profile_index
            return self._answer("set_optimization_profile_async")

        def set_device_memory(self, memory, size):
            assert cuda.content("device memory", memory).size >= size == self._engine.device_memory_size_v2
            self._memory = memory
            self._changes += 1

        def set_input_shape(self, name, shape):
            facts = self._engine.facts
            sides = zip(facts["minimum"], shape[:3], facts["maximum"], strict=True)
            self._shape = shape
            return self._answer("set_input_shape", all(low <= side <= high for low, side, high in sides))

        def set_tensor_address(self, name, memory):
            self._addresses[name] = memory
            return self._answer("set_tensor_address")

        def infer_shapes(self):
            return [] if self._shape else [self._engine.facts["input"]]

        def get_tensor_shape(self, name):
            assert name == self._engine.facts["output"]
            batch, height, width, _ = self._shape
            return [batch, 3, height // STRIDE, width // STRIDE]

        def execute_async_v3(self, stream_handle):
            assert self.active_optimization_profile == 0
            assert self._addresses.keys() == {self._engine.facts["input"], self._engine.facts["output"]}
            assert self._memory or not self._engine.device_memory_size_v2
            if not self._answer("execute_async_v3"):
                return False
            as_it_is = self._changes

            def work():
                assert self._changes == as_it_is, "the context was changed after its graph was captured"
                self._compute()

            cuda.enqueue(stream_handle, work)
            return True

        def _compute(self):
            module.while_running()
            facts = self._engine.facts
            images = _array(self._addresses[facts["input"]], np.uint8, self._shape)
            features = mean_colours(images) + np.float32(facts["shift"])
            _array(self._addresses[facts["output"]], np.float32, features.shape)[...] = features

    module.Runtime, module.ICudaEngine, module.IExecutionContext = Runtime, ICudaEngine, IExecutionContext
    return module


def _array(address, dtype, shape):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), dtype).reshape(shape)
