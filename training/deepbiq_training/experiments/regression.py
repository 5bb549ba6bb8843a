"""Fitting a split's regressors and testing them, pooling by pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepbiq.plans import Plan
from deepbiq.pooling import POOLINGS, Pooling, head_of
from deepbiq.regression import LinearRegressor
from deepbiq_training.experiments.material import Material
from deepbiq_training.experiments.outcome import Outcome, outcome_of
from deepbiq_training.experiments.protocol import Split
from deepbiq_training.fitting import FamilyData, fit_head
from deepbiq_training.heads import predict_pictures
from deepbiq_training.sampling import Features


def split_outcomes(
    features: Sequence[Features],
    material: Material,
    split: Split,
    plan: Plan,
    poolings: Sequence[Pooling] = POOLINGS,
    last_layer: LinearRegressor | None = None,
) -> dict[Pooling, Outcome]:
    """Tests poolings on one split: C and epsilon chosen on validation, fitted on all but the test part.

    Args:
        features: Of all pictures of the material.
        material: The pictures.
        split: Their parts.
        plan: That the features belong to.
        poolings: Which to test.
        last_layer: Of the network, where it was fine-tuned on the split's training part.

    Raises:
        FitError: When a regressor cannot be fitted.
    """
    seen = np.concatenate([split.training, split.validation])
    data = FamilyData(
        features=[features[i] for i in seen],
        scores=material.scores[seen],
        validation=np.arange(len(seen)) >= len(split.training),
        evaluated={plan: [features[i] for i in split.validation]},
        last_layer=last_layer,
    )
    tested = [features[i] for i in split.test]
    stds = None if material.stds is None else material.stds[split.test]
    heads = {name: fit_head(data, name, plan, seed=0).regressor for name in dict.fromkeys(map(head_of, poolings))}
    return {
        pooling: outcome_of(
            predict_pictures(heads[head_of(pooling)], tested, pooling), material.scores[split.test], stds
        )
        for pooling in poolings
    }
