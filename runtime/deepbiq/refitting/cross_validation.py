"""Cross-validation in two layers: the inner one chooses, the outer one says what that is worth on unseen pictures.

Pictures are dealt to folds, whole groups to one fold. In the outer layer a judgement is tested by a head that was
fitted, with everything that was chosen for it, to judgements of none of the pictures that it is about, and of no
picture in their folds. So the figures hold for pictures that the new head has never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.refitting.fitting import CANDIDATES, Choice
from deepbiq.refitting.material import Material, Places
from deepbiq.refitting.svr import Vector

AS_GOOD = 0.01
"""Share by which root mean square errors may differ and still count as equal, as in training: the first one wins,
which keeps most of the old head."""
LEAST_TRAINING = 2
"""Judgements that a head can be fitted to at all."""


@dataclass(frozen=True, eq=False)
class Split:
    """One fit of a cross-validation.

    Attributes:
        training: What is fitted to, at least one judgement.
        test: What is predicted.
    """

    training: Places
    test: Places


def predict_unseen(material: Material, folds: int, seed: int, advance: Callable[[], None]) -> Vector:
    """Predicts judgements, each by a head that was chosen and fitted without its pictures.

    Args:
        material: The ratings.
        folds: Folds of both layers, at least 2.
        seed: Deals pictures to folds.
        advance: Called after each fit of the outer layer.

    Returns:
        (M,) what is said of each judgement; NaN where it could not be tested: where preferences connect nearly all
        pictures, none may be left to fit to.
    """
    said = np.full(len(material.judged), np.nan)
    everything = np.arange(len(material.judged), dtype=np.int64)
    for number, split in enumerate(splits(material, everything, folds, seed)):
        choice = choose(material, split.training, folds, seed + 1 + number)
        said[split.test] = material.said(material.fitter(split.training).fit(choice), split.test)
        advance()
    return said


def choose(
    material: Material, chosen: Places, folds: int, seed: int, candidates: Sequence[Choice] = CANDIDATES
) -> Choice:
    """Chooses prior, C and epsilon by cross-validation on some judgements.

    Of a preference one picture may have been seen here: a fit for each two folds would take three times as long,
    and only the outer layer makes claims.

    Args:
        material: The ratings.
        chosen: The judgements, at least two.
        folds: Folds of pictures.
        seed: Deals pictures to folds.
        candidates: Priors and values of C to try; of those that are as good the first is taken.
    """
    fold_of = _deal_pictures(material, chosen, folds, seed)
    held_back = [(fold_of == fold).any(axis=1) for fold in np.unique(fold_of)]
    parts = [Split(chosen[~part], chosen[part]) for part in held_back]
    parts = [part for part in parts if len(part.training) >= LEAST_TRAINING]
    fitters = [material.fitter(part.training) for part in parts]

    def error(choice: Choice) -> float:
        losses = [
            material.losses(fitter.fit(choice), part.test) for fitter, part in zip(fitters, parts, strict=True)
        ]
        return float(np.sqrt(np.mean(np.concatenate(losses)))) if losses else 0.0

    best = _first_of_the_best({choice: error(choice) for choice in candidates})
    refined = material.fitter(chosen).refined(best)
    return _first_of_the_best({choice: error(choice) for choice in (best, *refined)})


def splits(material: Material, chosen: Places, folds: int, seed: int) -> Iterator[Split]:
    """Splits judgements by the folds of their pictures.

    Args:
        material: The ratings.
        chosen: The judgements to split.
        folds: Folds of pictures; fewer are made where there are fewer groups.
        seed: Deals pictures to folds.

    Yields:
        For each combination of folds that judgements are about, these judgements, and those about none of the
        folds; nothing where there are too few of the latter.
    """
    fold_of = _deal_pictures(material, chosen, folds, seed)
    for held_back in np.unique(fold_of, axis=0):
        touched = np.isin(fold_of, held_back).any(axis=1)
        split = Split(chosen[~touched], chosen[(fold_of == held_back).all(axis=1)])
        if len(split.training) >= LEAST_TRAINING:
            yield split


def _deal_pictures(material: Material, chosen: Places, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns for each chosen judgement the folds of its pictures, the smaller first."""
    pictures = np.unique(material.judged[chosen])
    fold_of = np.full(len(material.groups), -1, dtype=np.int64)
    fold_of[pictures] = deal(material.groups[pictures], folds, np.random.default_rng(seed))
    return np.asarray(np.sort(fold_of[material.judged[chosen]], axis=1))


def deal(groups: npt.NDArray[np.int64], folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Deals pictures to folds of nearly one size, whole groups in random order.

    Args:
        groups: (N,) the group of each picture.
        folds: How many folds; those beyond the number of groups stay empty.
        rng: Decides the order.

    Returns:
        (N,) the fold of each picture, 0 to folds - 1.
    """
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    filled = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.int64)
    for group in rng.permutation(len(names)):
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return np.asarray(fold_of[members])


def _first_of_the_best(errors: dict[Choice, float]) -> Choice:
    smallest = min(errors.values())
    return next(choice for choice, error in errors.items() if error <= smallest * (1 + AS_GOOD))
