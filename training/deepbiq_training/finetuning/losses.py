"""The losses, each as its paper has it. All take a batch and return one number to be made small."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from deepbiq_training.finetuning.classes import CLASS_CENTRES

LABEL_SPREAD = 10.0
"""Standard deviation of the soft labels in score points: half a class, and about how much people's scores of one
picture scatter."""
_TINY = 1e-8
"""Keeps a batch of equal scores from dividing by zero; the value of the authors' program of norm-in-norm."""


def weighted_cross_entropy(class_scores: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """The paper's loss: cross entropy, each sample weighted by its class (Bianco et al. 2016, section 4.3).

    Args:
        class_scores: (N, 5) float32, before softmax.
        classes: (N,) int64, 0..4.
        weights: (5,) float32, from `class_weights`.

    Returns:
        () float32, 0 or more: the mean over the samples of weight times cross entropy.
    """
    each = functional.cross_entropy(class_scores, classes, reduction="none")
    return (weights[classes] * each).mean()


def soft_labels(mos: Tensor) -> Tensor:
    """Shares a score out over the classes, the nearer the more: softmax(-d(mos, centre)).

    Diaz and Marathe, "Soft Labels for Ordinal Regression", CVPR 2019, equation 1, with the squared distance
    d = (mos - centre)^2 / (2 spread^2), and the MOS itself in place of the class of the sample.

    Args:
        mos: (N,) 0..100.

    Returns:
        (N, 5) float32, rows of sum 1.
    """
    centres = torch.tensor(CLASS_CENTRES, dtype=mos.dtype, device=mos.device)
    return torch.softmax(-((mos[:, None] - centres) ** 2) / (2 * LABEL_SPREAD**2), dim=1)


def ordinal_cross_entropy(class_scores: Tensor, mos: Tensor) -> Tensor:
    """Cross entropy with soft ordinal labels.

    Args:
        class_scores: (N, 5) float32, before softmax.
        mos: (N,) 0..100.

    Returns:
        () float32, at least the labels' own entropy.
    """
    return functional.cross_entropy(class_scores, soft_labels(mos))


def correlation_loss(predicted: Tensor, mos: Tensor) -> Tensor:
    """One minus Pearson's correlation over the batch.

    Args:
        predicted: (N,) float32, on any scale.
        mos: (N,) on any scale.

    Returns:
        () float32, 0..2; 1 where one of the two is constant.
    """
    return 1 - (_unit(predicted) * _unit(mos)).sum()


def norm_in_norm_loss(predicted: Tensor, mos: Tensor) -> Tensor:
    """Norm-in-norm with p = 1 and q = 2: the absolute difference of predictions and scores at unit length.

    Li, Jiang and Jiang, "Norm-in-Norm Loss with Faster Convergence and Better Performance for Image Quality
    Assessment", ACM Multimedia 2020 (arXiv 2008.03889), equations 2 to 6: both are centred and divided by their
    2-norms, and the sum of absolute differences is divided by its bound, 2 sqrt(N).

    Args:
        predicted: (N,) float32, on any scale: the loss does not depend on it.
        mos: (N,) on any scale.

    Returns:
        () float32, 0..1.
    """
    return (_unit(predicted) - _unit(mos)).abs().sum() / (2 * math.sqrt(len(mos)))


def _unit(values: Tensor) -> Tensor:
    """Centres values and brings them to length 1."""
    centred = values - values.mean()
    unit: Tensor = centred / (torch.linalg.vector_norm(centred) + _TINY)
    return unit
