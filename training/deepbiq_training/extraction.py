"""Features of a list of rated pictures under one plan: from the cache where they are, computed where not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from deepbiq.datasets import RatedPicture
from deepbiq.plans import Plan
from deepbiq_training.feature_cache import FeatureCache
from deepbiq_training.reading import read_each
from deepbiq_training.sampling import Features, FeatureSampler, decode_at_scale


def extract_features(
    pictures: Sequence[RatedPicture], plan: Plan, *, sampler: FeatureSampler, cache: FeatureCache, short_side: int
) -> list[Features]:
    """Computes the features of every picture; what the cache holds is not computed again.

    Args:
        pictures: The pictures.
        plan: Which crops or windows.
        sampler: The network.
        cache: For this network, plan and scale.
        short_side: The training scale in pixels.

    Returns:
        One array per picture, in order: (N, D), or (rows, columns, D) for `dense`, float16.

    Raises:
        DataSetError: When pictures cannot be read; the message lists them. The others are in the cache by then.
        OSError: When the cache cannot be written.
    """

    def features_of(picture: RatedPicture, data: bytes) -> Features:
        content = hashlib.sha256(data).hexdigest()
        found = cache.get(content)
        if found is None:
            found = sampler(decode_at_scale(data, name=str(picture.path), short_side=short_side), plan)
            cache.put(content, found)
        return found

    return read_each(pictures, f"features {plan}", features_of)
