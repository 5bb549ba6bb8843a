"""AdamW with a higher rate for the new layer, and the course of the rates: warm-up, then half a cosine."""

from __future__ import annotations

import math

import torch
from torch import nn

from deepbiq_training.finetuning.network import QualityNetwork
from deepbiq_training.finetuning.recipe import Recipe

PEAK = "peak_lr"
"""Where a group of parameters keeps its peak rate."""


def make_optimizer(network: QualityNetwork, recipe: Recipe) -> torch.optim.AdamW:
    """Makes the optimiser (Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv 1711.05101).

    Biases and normalisations, all of one dimension, are not decayed: pulling them to zero regularises nothing.

    Args:
        network: Its parameters that require gradients are trained.
        recipe: Rates and decay.
    """
    new = set(network.last.parameters())
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = recipe.head_learning_rate if parameter in new else recipe.learning_rate
            decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, PEAK: rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]
    )


def rate_factor(step: int, total: int, warmup: float) -> float:
    """Computes the share of the peak rate at a step.

    Linear warm-up (Goyal et al., arXiv 1706.02677, section 2.2), then the cosine of Loshchilov and Hutter, "SGDR",
    arXiv 1608.03983, equation 5, down to zero, without restarts.

    Args:
        step: 0..total - 1.
        total: Steps of the whole training.
        warmup: Share of them over which the rate rises.

    Returns:
        Above 0, at most 1.
    """
    rising = int(total * warmup)
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * (step - rising) / (total - rising))) / 2


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Sets every group's rate to a share of its peak; returns the lowest, which is the pre-trained layers'."""
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK] * factor
    return min(float(group["lr"]) for group in optimizer.param_groups)
