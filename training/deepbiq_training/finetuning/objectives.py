"""What a fine-tuning aims at: how many outputs the last layer has, the loss on them, and the score they stand for.

The score is the network's own prediction. It chooses the best epoch; the regressors replace it afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepbiq.regression import LinearRegressor
from deepbiq_training.finetuning.classes import CLASS_CENTRES, class_of, class_weights
from deepbiq_training.finetuning.losses import (
    correlation_loss,
    norm_in_norm_loss,
    ordinal_cross_entropy,
    weighted_cross_entropy,
)
from deepbiq_training.finetuning.recipe import LossName

_CLASSES = len(CLASS_CENTRES)
_CLASS_MERIT = tuple((centre - float(np.mean(CLASS_CENTRES))) / 100 for centre in CLASS_CENTRES)


class Objective(ABC):
    """A loss with the outputs that it needs.

    Attributes:
        outputs: Outputs K of the last layer.
        terms: Names of the parts of the loss.
        merit: K numbers: the outputs' sum weighted by them rises with quality.
    """

    outputs: int
    terms: tuple[str, ...]
    merit: tuple[float, ...]

    @abstractmethod
    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes the parts of the loss; their sum is minimised.

        Args:
            outputs: (N, K) float32.
            mos: (N,) float32, 0..100.

        Returns:
            () float32 for each of `terms`.
        """

    @abstractmethod
    def scores(self, outputs: Tensor) -> Tensor:
        """Turns outputs (N, K) into predictions (N,), higher is better."""


class Classes(Objective):
    """The paper's: five classes, weighted cross entropy.

    Args:
        scores: MOS of the training pictures, which weigh the classes.

    Raises:
        EmptyClassError: When a class has no member.
    """

    outputs = _CLASSES
    terms = ("cross_entropy",)
    merit = _CLASS_MERIT

    def __init__(self, scores: Sequence[float]) -> None:
        self._weights = torch.from_numpy(class_weights(scores))

    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes the weighted cross entropy of outputs (N, 5)."""
        classes = torch.tensor([class_of(score) for score in mos.tolist()], device=outputs.device)
        return {"cross_entropy": weighted_cross_entropy(outputs, classes, self._weights.to(outputs.device))}

    def scores(self, outputs: Tensor) -> Tensor:
        """Returns the expected class centre, 10..90."""
        return expected_centre(outputs)


class Ordinal(Objective):
    """Five classes with soft ordinal labels."""

    outputs = _CLASSES
    terms = ("ordinal",)
    merit = _CLASS_MERIT

    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes the soft cross entropy of outputs (N, 5)."""
        return {"ordinal": ordinal_cross_entropy(outputs, mos)}

    def scores(self, outputs: Tensor) -> Tensor:
        """Returns the expected class centre, 10..90."""
        return expected_centre(outputs)


class AbsoluteAndCorrelation(Objective):
    """One output, which predicts the MOS in standard deviations: absolute error plus correlation loss.

    Args:
        scores: MOS of the training pictures, whose mean and standard deviation set the scale.
    """

    outputs = 1
    terms = ("absolute", "correlation")
    merit = (1.0,)

    def __init__(self, scores: Sequence[float]) -> None:
        self._mean = float(np.mean(scores))
        self._std = max(float(np.std(scores)), 1.0)

    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes both losses of outputs (N, 1)."""
        predicted = outputs[:, 0]
        return {
            "absolute": functional.l1_loss(predicted, (mos - self._mean) / self._std),
            "correlation": correlation_loss(predicted, mos),
        }

    def scores(self, outputs: Tensor) -> Tensor:
        """Returns score points."""
        return self._mean + self._std * outputs[:, 0]


class NormInNorm(Objective):
    """One output of any scale: norm-in-norm loss."""

    outputs = 1
    terms = ("norm_in_norm",)
    merit = (1.0,)

    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes the loss of outputs (N, 1)."""
        return {"norm_in_norm": norm_in_norm_loss(outputs[:, 0], mos)}

    def scores(self, outputs: Tensor) -> Tensor:
        """Returns the output, whose scale means nothing."""
        return outputs[:, 0]


class OrdinalAndNormInNorm(Objective):
    """Five classes with soft ordinal labels, and beside them one output with the norm-in-norm loss."""

    outputs = _CLASSES + 1
    terms = ("ordinal", "norm_in_norm")
    merit = (0.0,) * _CLASSES + (1.0,)

    def losses(self, outputs: Tensor, mos: Tensor) -> Mapping[str, Tensor]:
        """Computes both losses of outputs (N, 6)."""
        return {
            "ordinal": ordinal_cross_entropy(outputs[:, :_CLASSES], mos),
            "norm_in_norm": norm_in_norm_loss(outputs[:, _CLASSES], mos),
        }

    def scores(self, outputs: Tensor) -> Tensor:
        """Returns the sixth output, whose scale means nothing."""
        return outputs[:, _CLASSES]


def make_objective(loss: LossName, scores: Sequence[float]) -> Objective:
    """Makes the objective of a loss.

    Args:
        loss: Its name.
        scores: MOS 0..100 of the training pictures.

    Raises:
        EmptyClassError: When the loss is `classes` and a class has no member.
    """
    if loss == "classes":
        return Classes(scores)
    if loss == "ordinal":
        return Ordinal()
    if loss == "plcc":
        return AbsoluteAndCorrelation(scores)
    if loss == "norm-in-norm":
        return NormInNorm()
    return OrdinalAndNormInNorm()


def linear_score(objective: Objective, last: nn.Linear) -> LinearRegressor:
    """Turns the last layer into one affine function of features, higher is better, on a scale of its own."""
    merit = np.array(objective.merit)
    weight, bias = (parameter.detach().cpu().numpy().astype(np.float64) for parameter in (last.weight, last.bias))
    return LinearRegressor(merit @ weight, float(merit @ bias))


def expected_centre(class_scores: Tensor) -> Tensor:
    """Averages the class centres by probability: (N, 5) before softmax to (N,) score points."""
    return torch.softmax(class_scores, dim=1) @ torch.tensor(CLASS_CENTRES, device=class_scores.device)
