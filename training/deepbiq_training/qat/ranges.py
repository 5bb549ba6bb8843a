"""The ranges of activations: observed on whole pictures, while the network computes in floats."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torchao.quantization.pt2e import HistogramObserver
from torchao.quantization.pt2e.fake_quantize import FakeQuantize


@torch.no_grad()
def observe_ranges(network: nn.Module, run: Callable[[], object]) -> None:
    """Finds the range of every quantiser of activations anew, in place.

    Args:
        network: With quantisers.
        run: Shows it the pictures.
    """
    observing = _of_activations(network)
    for quantiser in observing:
        # This is how an observer knows that it has seen nothing.
        quantiser.activation_post_process.min_val.fill_(math.inf)
        quantiser.activation_post_process.max_val.fill_(-math.inf)
        quantiser.enable_observer()
    with in_floats(network):
        run()
    for quantiser in observing:
        quantiser.disable_observer()


def copy_ranges(source: nn.Module, target: nn.Module) -> None:
    """Gives a network the ranges of activations of another one of the same kind."""
    for given, taking in zip(_of_activations(source), _of_activations(target), strict=True):
        # An observer keeps the tensors that it is given, and then both would observe into the same ones.
        taking.load_state_dict(copy.deepcopy(given.state_dict()))


@contextmanager
def in_floats(network: nn.Module) -> Iterator[None]:
    """Lets a network compute without rounding for a while."""
    quantisers = _quantisers(network)
    for quantiser in quantisers:
        quantiser.disable_fake_quant()
    try:
        yield
    finally:
        for quantiser in quantisers:
            quantiser.enable_fake_quant()


def _quantisers(network: nn.Module) -> list[FakeQuantize]:
    return [part for part in network.modules() if isinstance(part, FakeQuantize)]


def _of_activations(network: nn.Module) -> list[FakeQuantize]:
    return [part for part in _quantisers(network) if isinstance(part.activation_post_process, HistogramObserver)]
