"""The ranges of activations: observed on whole pictures, while the network computes in floats."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
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
        observer = quantiser.activation_post_process
        # This is how an observer knows that it has seen nothing. New tensors: those of a state that was read are
        # parts of a larger one, which the observer cannot resize.
        observer.min_val = torch.full_like(observer.min_val, math.inf)
        observer.max_val = torch.full_like(observer.max_val, -math.inf)
    # Enabled, a quantiser would search for its range at every pass.
    handles = [quantiser.register_forward_pre_hook(_observe) for quantiser in observing]
    with in_floats(network):
        run()
    for quantiser, handle in zip(observing, handles, strict=True):
        handle.remove()
        scale, zero_point = quantiser.calculate_qparams()
        quantiser.scale.copy_(scale)
        quantiser.zero_point.copy_(zero_point)


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


def _observe(quantiser: FakeQuantize, inputs: tuple[Tensor, ...]) -> None:
    quantiser.activation_post_process(*inputs)


def _quantisers(network: nn.Module) -> list[FakeQuantize]:
    return [part for part in network.modules() if isinstance(part, FakeQuantize)]


def _of_activations(network: nn.Module) -> list[FakeQuantize]:
    return [part for part in _quantisers(network) if isinstance(part.activation_post_process, HistogramObserver)]
