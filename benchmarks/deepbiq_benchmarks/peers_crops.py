"""What following the paper literally costs: 25 random crops through the network, a regression, the mean.

The crops of a picture run as one batch or five at a time, whichever is faster on this machine with this library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.bundle import Bundle, open_bundle
from deepbiq.crops import cut_crops, pad_to_size, random_positions
from deepbiq.dense import FeaturesOf, crop_vectors
from deepbiq.graphs import Graph, graph_of
from deepbiq.plans import Plan
from deepbiq.regression import LinearRegressor
from deepbiq.scorer import load
from deepbiq.setting import settle
from deepbiq_benchmarks.alternation import time_in_turn
from deepbiq_benchmarks.peers import RANDOM_WEIGHTS, Bgr, Offer, Peer
from deepbiq_benchmarks.peers_names import CROPS, crops_name

BATCHES = (25, 5)
SEED = 0
TRIAL_TURNS = 4
"""Of either batch size: where the machine is now faster, now slower, the best of a few calls says little."""
INSTALL = "pip install 'deepbiq[peers]'"
INSTALL_TORCH = "pip install 'deepbiq[export]'"


def crops_offers(bundle: Path, caffenet: Callable[[], Path], threads: int) -> Iterator[Offer]:
    """Lists both networks in three libraries.

    Args:
        bundle: Whose network and regressor stand for EfficientNet-Lite0.
        caffenet: Returns the bundle of CaffeNet with random weights; called when one of its rows is opened.
        threads: Threads of each library.
    """
    makers: tuple[tuple[str, _Maker, str], ...] = (
        ("pytorch", _in_pytorch, INSTALL_TORCH),
        ("onnxruntime", _in_onnxruntime, INSTALL),
        ("openvino", _in_openvino, INSTALL),
    )
    networks: tuple[tuple[str, Callable[[], Path], bool], ...] = (
        ("CaffeNet", caffenet, False),
        ("EfficientNet-Lite0", lambda: bundle, True),
    )
    for title, folder, rated in networks:
        for library, maker, install in makers:
            opening = partial(_open, folder, maker, threads, rated)
            yield Offer(crops_name(title, library), library, opening, install, threads)


def crop_graph(model: bytes, output: str) -> bytes:
    """Makes a graph for crops alone: one average over a crop's cells in place of one around each of them.

    deepbiq's own graphs of networks that end in an average pool over all windows of a picture, and some hold the
    score too. Who only runs crops needs neither, so they are not counted against them.

    Args:
        model: The ONNX file.
        output: The output with the window features.

    Returns:
        The ONNX file with that output alone, (N, D, 1, 1) where the pooling was replaced.
    """
    import onnx

    from deepbiq_benchmarks.graph_cost import nodes_before

    parsed = onnx.load_model_from_string(model)
    nodes = nodes_before(parsed.graph, output)
    if nodes[-1].op_type == "AveragePool":
        nodes[-1] = onnx.helper.make_node("GlobalAveragePool", nodes[-1].input[:1], [output], name=nodes[-1].name)
    used = {name for node in nodes for name in node.input}
    graph = parsed.graph
    weights = [item for item in graph.initializer if item.name in used]
    features = onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["batch", "depth", "y", "x"])
    cut = onnx.helper.make_graph(nodes, graph.name, list(graph.input), [features], weights)
    made = onnx.helper.make_model(cut, opset_imports=list(parsed.opset_import), ir_version=parsed.ir_version)
    return bytes(made.SerializeToString())


@dataclass(frozen=True, eq=False)
class _Runner:
    """A network in a library: a function for each batch size, with the library's version."""

    features_of: Callable[[int], FeaturesOf]
    version: str
    close: Callable[[], None]


_Maker = Callable[[Bundle, Graph, int], _Runner]


def _open(folder: Callable[[], Path], maker: _Maker, threads: int, rated: bool, trial: Bgr) -> Peer:
    from deepbiq_benchmarks.graph_cost import graph_cost

    bundle = open_bundle(folder())
    graph = graph_of(bundle, "fp32", "onnxruntime")
    runner = maker(bundle, graph, threads)
    head = settle(bundle, Plan("random", CROPS), "prediction-avg", "auto").heads["prediction"]
    ways = {batch: _Crops(runner.features_of(batch), graph.input_size, batch, head) for batch in BATCHES}
    trials = time_in_turn({batch: partial(way, trial) for batch, way in ways.items()}, TRIAL_TURNS)
    batch = min(BATCHES, key=lambda batch: trials[batch].ms)
    score, size = ways[batch], graph.input_size
    return Peer(
        score=score if rated else partial(_timed_only, score),
        version=runner.version,
        note=f"{batch} at a time" + ("" if rated else f"; {RANDOM_WEIGHTS}"),
        cost=graph_cost(crop_graph(graph.model, graph.output_name), (CROPS, size, size, 3), graph.output_name),
        rated=rated,
        close=runner.close,
    )


@dataclass(frozen=True, eq=False)
class _Crops:
    """The paper's method on an array."""

    features_of: FeaturesOf
    size: int
    batch: int
    head: LinearRegressor

    def __call__(self, bgr: Bgr) -> float:
        padded = pad_to_size(bgr, self.size, self.size)
        travel = padded.shape[0] - self.size, padded.shape[1] - self.size
        crops = cut_crops(padded, random_positions(SEED, CROPS, travel), self.size)
        parts = (self.features_of(crops[i : i + self.batch]) for i in range(0, CROPS, self.batch))
        features = np.concatenate([crop_vectors(part) for part in parts])
        return float(self.head.predict(features).mean())


def _timed_only(score: _Crops, bgr: Bgr) -> None:
    score(bgr)


def _in_onnxruntime(bundle: Bundle, graph: Graph, threads: int) -> _Runner:  # noqa: ARG001  # one form for all
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    model = crop_graph(graph.model, graph.output_name)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def features_of(images: Bgr) -> npt.NDArray[np.float32]:
        (features,) = session.run(None, {graph.input_name: images})
        return np.asarray(features)

    return _Runner(lambda batch: features_of, ort.__version__, lambda: None)  # noqa: ARG005  # any batch


def _in_openvino(bundle: Bundle, graph: Graph, threads: int) -> _Runner:  # noqa: ARG001  # one form for all
    import openvino

    core: Any = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
    }
    model = crop_graph(graph.model, graph.output_name)

    @cache
    def features_of(batch: int) -> FeaturesOf:
        read = core.read_model(model)
        read.reshape([batch, graph.input_size, graph.input_size, 3])
        request = core.compile_model(read, "CPU", settings).create_infer_request()

        def run(images: Bgr) -> npt.NDArray[np.float32]:
            return np.asarray(request.infer([images])[0])

        return run

    return _Runner(features_of, openvino.__version__.partition("-")[0], features_of.cache_clear)


def _in_pytorch(bundle: Bundle, graph: Graph, threads: int) -> _Runner:  # noqa: ARG001  # one form for all
    """Runs the network in PyTorch through deepbiq's engine of that name; it pools over outer windows too."""
    scorer = load(bundle.path, engine="pytorch", precision="fp32", plan=f"random:{CROPS}", threads=threads)
    return _Runner(lambda batch: scorer.engine.features, scorer.engine.version, scorer.close)  # noqa: ARG005
