"""The roof: what this machine can do at best, measured, to hold every other figure against.

Three rates bound any network in any program: FP32 multiply-adds in matrix products, INT8 multiply-adds in matrix
products, and bytes to and from memory. Each is the best of several repeats, of several sizes and, where more than
one library is installed, of several libraries, as a roof that is too low would flatter what is held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from deepbiq.cores import usable_cores
from deepbiq_benchmarks.alternation import time_calls
from deepbiq_benchmarks.graph_cost import Cost

SIDES = (512, 1024, 2048)
"""Of the square matrices: small ones stay in the cache, large ones waste less at their borders."""
COPIED_BYTES = 1 << 28
"""256 MiB from and to: far beyond any cache."""
SECONDS, LEAST_REPEATS = 0.25, 5
"""How long each measurement goes on after its warm-up, and how often at least; the best repeat counts."""


@dataclass(frozen=True)
class Roof:
    """The measured rates of a machine with a number of threads.

    Attributes:
        threads: Threads of each measurement.
        sgemm_gflops: FP32 matrix product, 10**9 operations a second; a multiply-add is two operations.
        sgemm_by: The library that reached it.
        int8_gops: Product of uint8 and int8 matrices into int32, likewise.
        int8_by: The operator that reached it.
        memory_gbps: Copy, bytes read and bytes written together, 10**9 a second (the count of STREAM's Copy).
        sgemm_of: What every library reached.
        sgemm_sides: Side of the matrices that it reached it with.
    """

    threads: int
    sgemm_gflops: float
    sgemm_by: str
    int8_gops: float
    int8_by: str
    memory_gbps: float
    sgemm_of: dict[str, float]
    sgemm_sides: dict[str, int]

    def milliseconds(self, cost: Cost) -> float:
        """The least time for a cost: whichever is longer, its arithmetic or its bytes (Williams et al., 2009)."""
        arithmetic = 2e-6 * (cost.fp32_macs / self.sgemm_gflops + cost.int8_macs / self.int8_gops)
        return max(arithmetic, 1e-6 * cost.traffic_bytes / self.memory_gbps)

    def describe(self) -> dict[str, Any]:
        """Returns the rates JSON-ready."""
        return asdict(self)


def measure_roof(threads: int, *, sides: tuple[int, ...] = SIDES, copied_bytes: int = COPIED_BYTES) -> Roof:
    """Measures the machine; takes some seconds with the sizes that are set.

    Args:
        threads: At least 1.
        sides: Sides of the square matrices.
        copied_bytes: Size of the copy.
    """
    sgemm_of, sgemm_sides = {}, {}
    for library in _sgemm_libraries(threads):
        rates = {side: _rate(sgemm_product(library, side, threads), side) for side in sides}
        sgemm_sides[library] = max(rates, key=rates.__getitem__)
        sgemm_of[library] = rates[sgemm_sides[library]]
    sgemm_by = max(sgemm_of, key=sgemm_of.__getitem__)
    int8 = {name: _onnxruntime_rate(name, sides, threads) for name in ("MatMulInteger", "QLinearMatMul")}
    int8_by = max(int8, key=int8.__getitem__)
    bandwidth = _copy_rate(copied_bytes, threads)
    return Roof(
        threads=threads,
        sgemm_gflops=sgemm_of[sgemm_by],
        sgemm_by=sgemm_by,
        int8_gops=int8[int8_by],
        int8_by=f"onnxruntime {int8_by}",
        memory_gbps=bandwidth,
        sgemm_of=sgemm_of,
        sgemm_sides=sgemm_sides,
    )


def sgemm_product(library: str, side: int, threads: int) -> Callable[[], object]:
    """Returns a product of two square FP32 matrices, ready to run: 2 side^3 operations.

    Args:
        library: One that a roof names.
        side: Of the matrices.
        threads: At least 1; NumPy's BLAS always takes all cores.
    """
    if library == "onnxruntime":
        return _onnxruntime_product("MatMul", side, threads)
    return _torch_product(side, threads) if library == "torch" else _numpy_product(side)


def _sgemm_libraries(threads: int) -> Iterator[str]:
    yield "onnxruntime"
    if find_spec("torch") is not None:
        yield "torch"
    if threads == usable_cores():  # NumPy's BLAS takes all cores, and nothing in NumPy changes that
        yield "numpy"


def _rate(product: Callable[[], object], side: int) -> float:
    """Times a product of two square matrices; returns 10**9 operations a second, of the best repeat."""
    return 2e-9 * side**3 / _best_seconds(product)


def _best_seconds(call: Callable[[], object]) -> float:
    return min(time_calls(call, SECONDS, least=LEAST_REPEATS))


def _onnxruntime_rate(operator: str, sides: tuple[int, ...], threads: int) -> float:
    return max(_rate(_onnxruntime_product(operator, side, threads), side) for side in sides)


def _onnxruntime_product(operator: str, side: int, threads: int) -> Callable[[], object]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    model, left = _product_graph(operator, side)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


def _product_graph(operator: str, side: int) -> tuple[bytes, Any]:
    """Makes a graph of one product with a constant right side, as a layer's weights are, and its left side."""
    rng = np.random.default_rng(0)
    tensor = onnx.TensorProto
    held: dict[str, Any]
    if operator == "MatMul":
        left, right = (rng.standard_normal((side, side), dtype=np.float32) for _ in range(2))
        kinds, held, names = (tensor.FLOAT, tensor.FLOAT), {"right": right}, ["left", "right"]
        return _graph_bytes(operator, names, kinds, held, side), left
    # Seven bits, as sums of products of eight saturate on processors without VNNI.
    low = rng.integers(0, 128, (side, side), dtype=np.uint8)
    zeros = {"left_zero": np.uint8(0), "right_zero": np.int8(0)}
    held = {"right": rng.integers(-64, 64, (side, side), dtype=np.int8), **zeros}
    kinds, names = (tensor.UINT8, tensor.INT32), ["left", "right", "left_zero", "right_zero"]
    if operator == "QLinearMatMul":
        held |= {"scale": np.float32(0.01), "out_zero": np.uint8(128)}
        kinds = (tensor.UINT8, tensor.UINT8)
        names = ["left", "scale", "left_zero", "right", "scale", "right_zero", "scale", "out_zero"]
    return _graph_bytes(operator, names, kinds, held, side), low


def _graph_bytes(
    operator: str, names: list[str], kinds: tuple[int, int], held: Mapping[str, Any], side: int
) -> bytes:
    """Makes the ONNX file of one product, from its inputs' names, the types of input and output, and constants."""
    node = helper.make_node(operator, names, ["product"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("left", kinds[0], [side, side])],
        [helper.make_tensor_value_info("product", kinds[1], [side, side])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def _torch_product(side: int, threads: int) -> Callable[[], object]:
    # By name, as benchmarks must not need torch: where it is not installed there is one library less.
    torch: Any = import_module("torch")
    left, right = (torch.rand(side, side) for _ in range(2))

    def product() -> object:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                return left @ right
        finally:
            torch.set_num_threads(before)

    return product


def _numpy_product(side: int) -> Callable[[], object]:
    left, right = (np.random.default_rng(seed).random((side, side), dtype=np.float32) for seed in range(2))
    out = np.empty_like(left)
    return lambda: np.matmul(left, right, out=out)


def _copy_rate(size: int, threads: int) -> float:
    """Copies a block with several threads at once, each its part: NumPy lets others run while it copies."""
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:
        seconds = _best_seconds(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
    return 2e-9 * size / seconds
