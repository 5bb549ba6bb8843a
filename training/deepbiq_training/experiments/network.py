"""A network with its weights, and the features it gives of an experiment's pictures, by way of the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepbiq.datasets import RatedPicture
from deepbiq.plans import Plan
from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones import Backbone, WeightsOrigin
from deepbiq_training.extraction import extract_features
from deepbiq_training.feature_cache import FeatureCache
from deepbiq_training.sampling import Features, FeatureSampler


@dataclass(frozen=True, eq=False)
class Network:
    """A backbone with weights.

    Attributes:
        backbone: In evaluation mode.
        origin: Of the weights.
        caches: Folder of the feature caches.
        short_side: The scale that pictures are brought to, in pixels.
        last_layer: What a fine-tuned network itself thinks of features, on any scale; None for other networks.
    """

    backbone: Backbone
    origin: WeightsOrigin
    caches: Path
    short_side: int
    last_layer: LinearRegressor | None = None

    def features(self, pictures: Sequence[RatedPicture], plan: Plan) -> list[Features]:
        """Computes the features of pictures; what the cache holds is not computed again.

        Raises:
            DataSetError: When pictures cannot be read; the message lists them.
            OSError: When the cache cannot be written.
        """
        cache = FeatureCache(self.caches, weights_sha256=self.origin.key, plan=plan, short_side=self.short_side)
        sampler = FeatureSampler(self.backbone)
        return extract_features(pictures, plan, sampler=sampler, cache=cache, short_side=self.short_side)

    def describe(self) -> dict[str, Any]:
        """Returns backbone, weights and scale, JSON-ready."""
        return {
            "backbone": self.backbone.spec.name,
            "weights": asdict(self.origin),
            "training_scale": {"short_side": self.short_side},
        }
