"""Measures of other people's packages: those that carry their models, and networks of pyiqa by architecture.

pyiqa loads its weights from the net, so its networks are made without them: their time is the same, their scores
mean nothing. Where a package has its own setting of threads it is used; the others run as they are.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from deepbiq_benchmarks.graph_cost import Cost
from deepbiq_benchmarks.peers import LOWER_IS_BETTER, RANDOM_WEIGHTS, Bgr, Offer, Peer, version_of
from deepbiq_benchmarks.peers_crops import INSTALL

INSTALL_PYPIQE = "pip install --no-deps pypiqe  (it asks for an OpenCV beside deepbiq's)"
INSTALL_PYIQA = (
    "pip install torch torchvision timm einops addict pyyaml pandas tqdm scikit-image requests  and then  "
    "pip install --no-deps pyiqa  (licensed for non-commercial use)"
)
PYIQA_NETWORKS: dict[str, dict[str, object]] = {
    "MUSIQ": {"type": "MUSIQ", "pretrained": False},
    "WaDIQaM-NR": {"type": "WaDIQaM", "metric_type": "NR", "pretrained": False},
    "CNNIQA": {"type": "CNNIQA", "pretrained": None},
}
"""pyiqa's networks that can be made without any download: a transformer (Ke et al., 2021), a deep and a shallow
convolutional network (Bosse et al., 2018; Kang et al., 2014). Its others load a pre-trained backbone at once."""


def package_offers(threads: int) -> Iterator[Offer]:
    """Lists the packages.

    Args:
        threads: Threads of torch for pyiqa's networks; the other packages have no such setting.
    """
    yield Offer("BRISQUE, brisque", "brisque", _open_brisque, INSTALL)
    yield Offer("PIQE, pypiqe", "pypiqe", _open_piqe, INSTALL_PYPIQE)
    for title, options in PYIQA_NETWORKS.items():
        opening = partial(_open_pyiqa, options, threads)
        yield Offer(f"{title}, pyiqa", "pyiqa", opening, INSTALL_PYIQA, threads)


def _open_brisque(trial: Bgr) -> Peer:
    """BRISQUE (Mittal et al., 2012) with the package's SVM, trained on LIVE: 0 (good) to 100 (bad)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own, of SciPy and of its docstrings
        model = import_module("brisque").BRISQUE(url=False)

    def score(bgr: Bgr) -> float:
        return -float(model.score(bgr[:, :, ::-1]))

    score(trial)
    return Peer(score, version_of("brisque"), LOWER_IS_BETTER)


def _open_piqe(trial: Bgr) -> Peer:
    """PIQE (Venkatanath et al., 2015), which has no model: 0 (good) to 100 (bad)."""
    piqe = import_module("pypiqe").piqe

    def score(bgr: Bgr) -> float:
        return -float(piqe(np.ascontiguousarray(bgr[:, :, ::-1]))[0])

    score(trial)
    return Peer(score, version_of("pypiqe"), LOWER_IS_BETTER)


def _open_pyiqa(options: dict[str, object], threads: int, trial: Bgr) -> Peer:
    # By name, as benchmarks must not need torch.
    torch: Any = import_module("torch")
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = import_module("pyiqa.archs").build_network(dict(options)).eval()
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def score(bgr: Bgr) -> None:
        rgb = torch.from_numpy(np.ascontiguousarray(bgr[:, :, ::-1].transpose(2, 0, 1)))
        float(network(rgb[None].float() / 255).flatten()[0])

    score(trial)
    return Peer(
        score,
        version_of("pyiqa"),
        RANDOM_WEIGHTS,
        _torch_cost(network, partial(score, trial)),
        rated=False,
        close=partial(torch.set_num_threads, threads_before),
    )


def _torch_cost(network: Any, call: partial[None]) -> Cost:
    """Counts a call by torch's own counter: two operations to a multiply-add."""
    with import_module("torch.utils.flop_counter").FlopCounterMode(display=False) as counter:
        call()
    weights = sum(item.numel() * item.element_size() for item in network.parameters())
    return Cost(fp32_macs=counter.get_total_flops() // 2, traffic_bytes=weights)
