"""Frozen training: ImageNet features as they are, linear SVRs on top. One checkpoint out.

The order is scenes, split, then per plan family features and regressors. Features are cached picture by picture, so
whatever interrupts a run, the next one goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.agreement import Agreement
from deepbiq.datasets import DataSet, RatedPicture
from deepbiq.datasets.biq2021 import BIQ2021
from deepbiq.plans import Plan
from deepbiq.pooling import Pooling
from deepbiq.regression import LinearRegressor, regressors_to_npz
from deepbiq_training.backbones import Backbone, WeightsOrigin, load_backbone
from deepbiq_training.checkpoint import versions_of, write_checkpoint
from deepbiq_training.configuration import check_out, picture_digest
from deepbiq_training.default_pooling import default_pooling
from deepbiq_training.extraction import extract_features
from deepbiq_training.families import FAMILIES, Family
from deepbiq_training.feature_cache import FeatureCache
from deepbiq_training.fitting import FamilyData, FittedHead, fit_family
from deepbiq_training.sampling import TRAINING_SHORT_SIDE, Features, FeatureSampler
from deepbiq_training.scenes import find_scenes
from deepbiq_training.selection import best_trial
from deepbiq_training.split import SPLIT_RULE, draw_part

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrozenSettings:
    """What a frozen training takes.

    Attributes:
        root: The data set's folder in its official layout.
        out: Folder of the checkpoint.
        data_set: What is trained on: its split `train`, or all of it where there is no official split.
        features: Folder of the feature caches; None puts them under `out`.
        backbone: One of `deepbiq_training.backbones.BACKBONES`.
        weights: Weights file of the backbone; None takes the installed package's, where there is one.
        mean: Mean file of a `.caffemodel`.
        validation_pictures: Pictures that choose the hyper-parameters, in whole scenes.
        short_side: The training scale in pixels.
        seed: Draws the validation part and the crops of the prediction head.
    """

    root: Path
    out: Path
    data_set: DataSet = BIQ2021
    features: Path | None = None
    backbone: str = "efficientnet_lite0"
    weights: Path | None = None
    mean: Path | None = None
    validation_pictures: int = 1000
    short_side: int = TRAINING_SHORT_SIDE
    seed: int = 0


Agreements = dict[Plan, dict[Pooling, Agreement]]


def train_frozen(settings: FrozenSettings) -> Agreements:
    """Trains and writes the checkpoint.

    Returns:
        What each plan and pooling reached on the validation part.

    Raises:
        DataSetError: When the data set is incomplete or pictures cannot be read.
        WeightsError: When the weights are not the backbone's.
        CheckpointError: When the folder holds a finished checkpoint of other settings.
        OptionError: When the validation part leaves nothing to train on, or the backbone needs other files.
        OSError: When the disk is full or a folder not writable.
    """
    backbone, origin = load_pretrained(settings)
    parts = read_parts(settings)
    check_out(settings.out, describe_start(settings, parts, backbone, origin))
    return fit_and_write(settings, parts, backbone, origin, {})


def load_pretrained(settings: FrozenSettings) -> tuple[Backbone, WeightsOrigin]:
    """Reads the backbone with its pre-trained weights, and tells where those came from.

    Features are taken before the last layer, and fine-tuning puts a new one in its place: so it does not matter
    which classes that one knows.

    Raises:
        WeightsError: When the weights are not the backbone's.
        OptionError: When the backbone is unknown or needs other files.
    """
    return load_backbone(settings.backbone, settings.weights, settings.mean)


@dataclass(frozen=True, eq=False)
class Parts:
    """The data set and its parts.

    Attributes:
        split: Of the data set, that all pictures are from.
        pictures: N pictures.
        scenes: (N,) the scene of each.
        scene_rule: How scenes were told apart.
        validation: (N,) bool, True for the validation part.
    """

    split: str
    pictures: Sequence[RatedPicture]
    scenes: npt.NDArray[np.int64]
    scene_rule: Mapping[str, object]
    validation: npt.NDArray[np.bool_]

    @property
    def training_pictures(self) -> list[RatedPicture]:
        """Pictures to learn from."""
        return self._taken(~self.validation)

    @property
    def validation_pictures(self) -> list[RatedPicture]:
        """Pictures that choose."""
        return self._taken(self.validation)

    @property
    def digests(self) -> dict[str, str]:
        """Checksums of both, by which other pictures or scores are found out."""
        return {
            "training pictures": picture_digest(self.training_pictures),
            "validation pictures": picture_digest(self.validation_pictures),
        }

    def _taken(self, chosen: npt.NDArray[np.bool_]) -> list[RatedPicture]:
        return [picture for picture, taken in zip(self.pictures, chosen, strict=True) if taken]


def read_parts(settings: FrozenSettings) -> Parts:
    """Reads the data set, finds its scenes and draws the validation part; makes the checkpoint's folder.

    Raises:
        DataSetError: When the data set is incomplete or pictures cannot be read.
        OptionError: When the validation part leaves nothing to train on.
        OSError: When the folder cannot be made.
    """
    split = settings.data_set.split_or_all("train")
    pictures = settings.data_set.read(settings.root, split)
    settings.out.mkdir(parents=True, exist_ok=True)
    scenes, scene_rule = find_scenes(pictures)
    validation = draw_part(scenes, settings.validation_pictures, settings.seed)
    _LOG.info("%d pictures, %d scenes, %d pictures to validate", len(scenes), scenes.max() + 1, validation.sum())
    return Parts(split, pictures, scenes, scene_rule, validation)


def describe_start(
    settings: FrozenSettings, parts: Parts, backbone: Backbone, origin: WeightsOrigin
) -> dict[str, object]:
    """Composes what `checkpoint.json` says of a training's data and start, JSON-ready."""
    return {
        "backbone": backbone.spec.name,
        "weights": asdict(origin),
        "data_set": {
            "name": settings.data_set.name,
            "split": parts.split,
            "pictures": len(parts.pictures),
            "scale": settings.data_set.scale.describe(),
        },
        "validation": {
            **_describe_split(parts.scenes, parts.validation, settings.seed),
            "same_scene": parts.scene_rule,
        },
        "pictures": parts.digests,
        "training_scale": {"short_side": settings.short_side},
        "seed": settings.seed,
    }


def fit_and_write(
    settings: FrozenSettings,
    parts: Parts,
    backbone: Backbone,
    origin: WeightsOrigin,
    extra: Mapping[str, object],
    last_layer: LinearRegressor | None = None,
) -> Agreements:
    """Fits the regressors of all plans on a network's features and writes the checkpoint.

    Args:
        settings: Folders, scale and seed.
        parts: The data set.
        backbone: The network, on the CPU.
        origin: Of its weights; their checksum is the key of the feature caches.
        extra: What `checkpoint.json` says besides.
        last_layer: What the network itself thinks of features, where it was fine-tuned: the regressors start there.

    Returns:
        What each plan and pooling reached on the validation part.

    Raises:
        DataSetError: When pictures cannot be read.
        FitError: When a regressor cannot be fitted.
        OSError: When the disk is full or a folder not writable.
    """
    extractor = _Extractor(FeatureSampler(backbone), origin, settings)
    fitted = {
        family: fit_family(_family_data(family, parts, extractor, last_layer), family.trained_on, settings.seed)
        for family in FAMILIES
    }
    agreements = _by_plan(fitted)
    description = {
        **describe_start(settings, parts, backbone, origin),
        **extra,
        **_describe_fits(fitted, agreements),
        "versions": _versions(),
    }
    regressors = {
        family.regressors_file: regressors_to_npz({name: head.regressor for name, head in heads.items()})
        for family, heads in fitted.items()
    }
    write_checkpoint(settings.out, description, backbone, regressors)
    return agreements


@dataclass(frozen=True, eq=False)
class _Extractor:
    """Features of any pictures under any plan, by way of the cache."""

    sampler: FeatureSampler
    origin: WeightsOrigin
    settings: FrozenSettings

    def __call__(self, pictures: Sequence[RatedPicture], plan: Plan) -> list[Features]:
        short_side = self.settings.short_side
        root = self.settings.features or self.settings.out / "features"
        cache = FeatureCache(root, weights_sha256=self.origin.key, plan=plan, short_side=short_side)
        return extract_features(pictures, plan, sampler=self.sampler, cache=cache, short_side=short_side)


def _family_data(
    family: Family, parts: Parts, extractor: _Extractor, last_layer: LinearRegressor | None
) -> FamilyData:
    pictures = parts.pictures
    features = extractor(pictures, family.trained_on)
    judged: list[int] = np.flatnonzero(parts.validation).tolist()
    evaluated: dict[Plan, Sequence[Features]] = {family.trained_on: [features[i] for i in judged]}
    for plan in family.plans:
        if plan != family.trained_on:
            evaluated[plan] = extractor([pictures[i] for i in judged], plan)
    scores = np.array([picture.mos for picture in pictures])
    return FamilyData(features, scores, parts.validation, evaluated, last_layer)


def _by_plan(fitted: Mapping[Family, Mapping[str, FittedHead]]) -> Agreements:
    agreements: Agreements = {}
    for heads in fitted.values():
        for head in heads.values():
            for (plan, pooling), found in head.agreements.items():
                agreements.setdefault(plan, {})[pooling] = found
    return agreements


def _describe_split(
    scenes: npt.NDArray[np.int64], validation: npt.NDArray[np.bool_], seed: int
) -> dict[str, object]:
    return {
        "pictures": int(validation.sum()),
        "scenes": len(np.unique(scenes[validation])),
        "scenes_in_all": len(np.unique(scenes)),
        "rule": SPLIT_RULE,
        "seed": seed,
    }


def _describe_fits(fitted: Mapping[Family, Mapping[str, FittedHead]], agreements: Agreements) -> dict[str, object]:
    families = {
        family.name: {
            "trained_on": str(family.trained_on),
            "regressors": family.regressors_file,
            "heads": {name: _describe_head(head) for name, head in heads.items()},
        }
        for family, heads in fitted.items()
    }
    plans = {
        plan.family: {"regressors": family.regressors_file, "pooling": default_pooling(agreements[plan])}
        for family in fitted
        for plan in family.plans
    }
    metrics = [
        {"plan": str(plan), "pooling": pooling, **asdict(found)}
        for plan, by_pooling in agreements.items()
        for pooling, found in by_pooling.items()
    ]
    return {"families": families, "plans": plans, "metrics": metrics}


def _versions() -> dict[str, str]:
    """Names what computed the features and regressors."""
    import cv2
    import sklearn
    import torch

    return versions_of({"numpy": np, "opencv": cv2, "scikit-learn": sklearn, "torch": torch})


def _describe_head(head: FittedHead) -> dict[str, object]:
    trials = [
        {**asdict(trial.chosen), "correlation": trial.correlation, "rmse": trial.rmse} for trial in head.trials
    ]
    return {**asdict(best_trial(head.trials).chosen), "trials": trials}
