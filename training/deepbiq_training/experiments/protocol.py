"""Random splits into training, validation and test part, repeated: the paper's way of measuring.

Bianco et al. 2016 split LIVE In the Wild ten times into 80 % and 20 %, and the synthetic data sets a hundred times
into 60 %, 20 % and 20 % by reference picture. Of the 80 % a fifth is put aside here to choose C and epsilon; the
regressor that is tested is then fitted on all 80 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError
from deepbiq_training.split import draw_part


@dataclass(frozen=True)
class Protocol:
    """How often and how pictures are split.

    Attributes:
        iterations: Number of splits, at least 1.
        test_share: Share of the pictures that the regressors never see, 0..1.
        validation_share: Share of the pictures that chooses their hyper-parameters, 0..1.
        seed: Draws the splits.
    """

    iterations: int
    test_share: float
    validation_share: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise OptionError(f"the number of splits must be at least 1, got {self.iterations}")


AUTHENTIC = Protocol(iterations=10, test_share=0.2, validation_share=0.16)
SYNTHETIC = Protocol(iterations=100, test_share=0.2, validation_share=0.2)


@dataclass(frozen=True, eq=False)
class Split:
    """The numbers of the pictures in each part, ascending; no group is in two of them."""

    training: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def draw_splits(groups: npt.NDArray[np.int64], protocol: Protocol) -> list[Split]:
    """Draws the splits of a protocol, whole groups at a time.

    Args:
        groups: (N,) the group of each picture; all different where single pictures are drawn.
        protocol: Shares, number and seed.

    Raises:
        OptionError: When a part would have too few pictures.
    """
    return [_draw_split(groups, protocol, iteration) for iteration in range(protocol.iterations)]


def _draw_split(groups: npt.NDArray[np.int64], protocol: Protocol, iteration: int) -> Split:
    for_test, for_validation = np.random.SeedSequence(protocol.seed, spawn_key=(iteration,)).spawn(2)
    test = draw_part(groups, round(len(groups) * protocol.test_share), for_test)
    rest = np.flatnonzero(~test)
    validation = draw_part(groups[rest], round(len(groups) * protocol.validation_share), for_validation)
    return Split(rest[~validation], rest[validation], np.flatnonzero(test))
