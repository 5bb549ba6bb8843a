"""Fitting the regressors of a plan family: chosen and evaluated on the validation part, refitted on everything."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import Agreement, agreement
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import Plan
from deepbiq.pooling import POOLINGS, PREDICTION_HEAD, Pooling, head_of
from deepbiq.regression import LinearRegressor
from deepbiq_training.heads import HEADS, crop_rows, pooled_rows, predict_pictures, start_of
from deepbiq_training.sampling import Features
from deepbiq_training.selection import Trial, best_trial, search
from deepbiq_training.svr import TrainingSet

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FamilyData:
    """The features of one family.

    Attributes:
        features: Of the plan that trains, one array per picture.
        scores: (pictures,) MOS 0..100.
        validation: (pictures,) bool, True for the validation part.
        evaluated: For each plan of the family, the features of the validation part's pictures, in order.
        last_layer: What a fine-tuned network itself thinks of features, on any scale; None for other networks.
    """

    features: Sequence[Features]
    scores: npt.NDArray[np.float64]
    validation: npt.NDArray[np.bool_]
    evaluated: Mapping[Plan, Sequence[Features]]
    last_layer: LinearRegressor | None = None


@dataclass(frozen=True, eq=False)
class FittedHead:
    """One regressor.

    Attributes:
        regressor: Fitted on all pictures.
        trials: How its hyper-parameters were chosen.
        agreements: On the validation part, by plan and pooling, of the regressor fitted without that part.
    """

    regressor: LinearRegressor
    trials: list[Trial]
    agreements: Mapping[tuple[Plan, Pooling], Agreement]


def fit_family(data: FamilyData, trained_on: Plan, seed: int) -> dict[str, FittedHead]:
    """Fits every head of a family.

    Args:
        data: Features and scores.
        trained_on: The plan on whose validation features hyper-parameters are chosen.
        seed: Draws the crops of the prediction head.

    Returns:
        The heads by name.

    Raises:
        FitError: When a regressor cannot be fitted.
    """
    fitted = {}
    for head in HEADS:
        fitted[head] = fit_head(data, head, trained_on, seed)
        for (plan, pooling), found in fitted[head].agreements.items():
            _LOG.info("%s %s: validation PLCC %.4f, SROCC %.4f", plan, pooling, found.plcc, found.srocc)
    return fitted


def fit_head(data: FamilyData, head: str, trained_on: Plan, seed: int) -> FittedHead:
    """Fits one head: hyper-parameters chosen and evaluated on the validation part, then refitted on everything.

    Args:
        data: Features and scores.
        head: One of `deepbiq_training.heads.HEADS`.
        trained_on: The plan on whose validation features hyper-parameters are chosen.
        seed: Draws the crops of the prediction head.

    Raises:
        FitError: When a regressor cannot be fitted.
    """
    poolings = [pooling for pooling in POOLINGS if head_of(pooling) == head]
    # The prediction poolings share a head; the average is the one that it is chosen for.
    chosen_for: Pooling = "prediction-avg" if head == PREDICTION_HEAD else poolings[0]
    judged = data.scores[data.validation]
    training = _training_set(data, ~data.validation, chosen_for, seed)
    rows = None if head == PREDICTION_HEAD else pooled_rows(data.evaluated[trained_on], chosen_for)

    def judge(regressor: LinearRegressor) -> Agreement:
        if rows is not None:
            return _agreement(regressor.predict(rows), judged)
        return _agreement(predict_pictures(regressor, data.evaluated[trained_on], chosen_for), judged)

    trials = search(training, judge)
    chosen = best_trial(trials).chosen
    without_validation = training.fit(chosen)
    agreements = {
        (plan, pooling): _agreement(predict_pictures(without_validation, features, pooling), judged)
        for plan, features in data.evaluated.items()
        for pooling in poolings
    }
    everything = np.ones_like(data.validation)
    refitted = _training_set(data, everything, chosen_for, seed).fit(chosen)
    return FittedHead(refitted, trials, agreements)


def _agreement(predictions: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> Agreement:
    """Compares predictions, clipped to the score range as a scorer clips them, with human scores."""
    return agreement(np.clip(predictions, SCORE_MIN, SCORE_MAX), scores)


def _training_set(data: FamilyData, part: npt.NDArray[np.bool_], pooling: Pooling, seed: int) -> TrainingSet:
    features = [picture for picture, taken in zip(data.features, part, strict=True) if taken]
    if head_of(pooling) == PREDICTION_HEAD:
        return TrainingSet(*crop_rows(features, data.scores[part], seed), start=data.last_layer)
    rows = pooled_rows(features, pooling)
    return TrainingSet(rows, data.scores[part], start=start_of(pooling, data.last_layer, rows.shape[1]))
