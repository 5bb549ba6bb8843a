"""A backbone small enough to be trained in a test: two convolutions, the second depthwise, with normalisation."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from deepbiq.datasets import RatedPicture, read_biq2021
from deepbiq_training.backbones.backbone import Backbone, BackboneSpec, Normalisation
from deepbiq_training.backbones.conv_norm import ConvNorm
from deepbiq_training.finetuning.course import Task
from deepbiq_training.finetuning.loop import FineTuned, fine_tune
from deepbiq_training.finetuning.recipe import Recipe

SPEC = BackboneSpec(
    name="tiny",
    feature_layer="depthwise convolution",
    feature_size=8,
    stride=4,
    input_size=60,
    outer_windows=7,
    normalisation=Normalisation(mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)),
)
RECIPE = Recipe(crop_size=60, batch_size=4, epochs=3, learning_rate=1e-2, head_learning_rate=1e-1)


class TinyBackbone(Backbone):
    last_layer = "classifier"

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = ConvNorm(3, 8, kernel=3, stride=2)
            self.second = ConvNorm(8, 8, kernel=3, stride=2, groups=8)
            self.classifier = nn.Linear(8, 10)

    @property
    def spec(self) -> BackboneSpec:
        return SPEC

    @property
    def first_convolution(self) -> nn.Conv2d:
        return self.first.conv

    def feature_map(self, pictures: Tensor) -> Tensor:
        # Dropout draws from torch's generator, so that a lost state of it would show.
        maps = functional.dropout(functional.relu(self.first(pictures)), 0.1, self.training)
        return functional.relu(self.second(maps))

    def feature_vector(self, feature_map: Tensor) -> Tensor:
        return feature_map.mean(dim=(2, 3))

    def window_features(self, feature_map: Tensor) -> Tensor:
        window = SPEC.input_size // SPEC.stride
        return functional.avg_pool2d(feature_map, window, stride=1, padding=window // 2, count_include_pad=False)

    def class_scores(self, features: Tensor) -> Tensor:
        scores: Tensor = self.classifier(features)
        return scores


def tiny_task(root: Path) -> Task:
    """Eight pictures to learn from, four to validate, of a miniature BIQ2021."""
    pictures = read_biq2021(root, "train")
    return Task(pictures[:4] + pictures[8:], pictures[4:8], short_side=96, seed=3, weights="tiny")


def tiny_fine_tune(task: Task, folder: Path, recipe: Recipe = RECIPE, save_seconds: float = 0.0) -> FineTuned:
    fabric = Fabric(accelerator="cpu", devices=1, precision=recipe.precision)
    return fine_tune(TinyBackbone(), task, recipe, fabric=fabric, folder=folder, save_seconds=save_seconds)


def picture(mos: float) -> RatedPicture:
    return RatedPicture(Path(f"{mos}.jpg"), mos)
