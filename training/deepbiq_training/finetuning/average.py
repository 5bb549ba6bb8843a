"""The moving average of the weights: what is validated, kept and exported, as it swings less than the weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, *, step: int, decay: float) -> None:
    """Moves the average towards the network: average = d * average + (1 - d) * weights.

    d is min(decay, (1 + step) / (10 + step)): short memory at first, so that the first weights are forgotten
    (TensorFlow, tf.train.ExponentialMovingAverage, `num_updates`).

    Args:
        average: A copy of the network; changed in place.
        network: After this step.
        step: Steps done before this one.
        decay: Share of the old value that is kept, 0..1.
    """
    towards = 1 - min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, towards)
    # Normalisation statistics are averages already.
    for kept, present in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(present)
