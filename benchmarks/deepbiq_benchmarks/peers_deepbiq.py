"""deepbiq itself among its peers: the call that users make, every plan and precision, and its bare graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from deepbiq import __version__
from deepbiq.graphs import Graph, graph_of
from deepbiq.sampling import sample
from deepbiq.scorer import Scorer, load
from deepbiq_benchmarks.graph_cost import Cost, graph_cost
from deepbiq_benchmarks.peers import RANDOM_WEIGHTS, Bgr, Offer, Peer
from deepbiq_benchmarks.peers_crops import INSTALL, crop_graph
from deepbiq_benchmarks.peers_names import CAFFENET_CROPS, CAFFENET_DENSE, DEFAULT, EVERYWHERE, deepbiq_name


def deepbiq_offers(
    bundle: Path,
    caffenet: Callable[[], Path],
    plans: Sequence[str],
    precisions: Sequence[str],
    engines: Sequence[str],
    threads: int,
) -> Iterator[Offer]:
    """Lists deepbiq's rows.

    Args:
        bundle: The bundle.
        caffenet: Returns the bundle of CaffeNet with random weights; called when one of its rows is opened.
        plans: Sampling plans.
        precisions: Of each plan.
        engines: Of each precision.
        threads: Threads of an inference.
    """
    opening = partial(_open_scorer, lambda: bundle, None, "auto", "auto", threads, True)
    yield Offer(DEFAULT, "deepbiq", opening, INSTALL, threads)
    for plan, precision, engine in product(plans, precisions, engines):
        opening = partial(_open_scorer, lambda: bundle, plan, precision, engine, threads, True)
        yield Offer(deepbiq_name(plan, precision, engine), engine, opening, INSTALL, threads, plan, precision)
    for name, plan in ((CAFFENET_DENSE, "dense"), (CAFFENET_CROPS, "random:25")):
        opening = partial(_open_scorer, caffenet, plan, "fp32", EVERYWHERE, threads, False)
        yield Offer(name, EVERYWHERE, opening, INSTALL, threads, plan, "fp32")


def scorer_cost(scorer: Scorer, graph: Graph, picture: Bgr) -> Cost:
    """Counts what a call on a picture asks of the machine.

    Args:
        scorer: The scorer, of one picture size within one pass of the network.
        graph: The graph that it runs.
        picture: (H, W, 3) uint8, BGR.
    """
    setting = scorer.setting
    images = sample(picture, setting.plan, setting.size, setting.stride).images
    return network_cost(scorer, graph, images.shape, crops=setting.plan.family != "dense")


def network_cost(scorer: Scorer, graph: Graph, shape: tuple[int, ...], *, crops: bool = False) -> Cost:
    """Counts one run of a network, in INT8 too with the multiply-adds that its layers have in FP32.

    An INT8 graph may be laid out so that it multiplies with noughts (`deepbiq_calibration.first_layer`): that is
    no work, and would make every figure beside it look better.

    Args:
        scorer: Of the graph's bundle.
        graph: The graph that runs.
        shape: Of the images.
        crops: Whether each image is a crop, whose outer windows nobody needs.
    """

    def cost_of(one: Graph) -> Cost:
        model = crop_graph(one.model, one.output_name) if crops else one.model
        return graph_cost(model, shape, one.output_name)

    own = cost_of(graph)
    if graph.kind != "int8":
        return own
    macs = cost_of(graph_of(scorer.bundle, "fp32", EVERYWHERE)).macs
    return replace(own, int8_macs=macs - own.fp32_macs)


def _open_scorer(
    folder: Callable[[], Path], plan: str | None, precision: str, engine: str, threads: int, rated: bool, trial: Bgr
) -> Peer:
    scorer = load(folder(), plan=plan, precision=precision, engine=engine, threads=threads)
    graph = _graph_of(scorer)

    def score(bgr: Bgr) -> float | None:
        found = scorer(bgr)
        return found.score if rated else None

    note = "" if rated else RANDOM_WEIGHTS
    if plan is None:
        note = f"{scorer.setting.plan}, {scorer.engine.precision}, {scorer.engine.name}"
    return Peer(score, __version__, note, scorer_cost(scorer, graph, trial), rated=rated, close=scorer.close)


def _graph_of(scorer: Scorer) -> Graph:
    return graph_of(scorer.bundle, scorer.engine.precision, scorer.engine.name)
