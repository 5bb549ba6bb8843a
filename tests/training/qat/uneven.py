"""The tiny backbone with two weights so large that 7 bits leave hardly anything of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from deepbiq.regression import LinearRegressor
from deepbiq_training.finetuning.course import Task
from deepbiq_training.qat.loop import QuantisationAware, fine_tune_quantised
from deepbiq_training.qat.recipe import QatRecipe
from tests.training.finetuning.tiny import TinyBackbone

LARGE = 5.0
RECIPE = QatRecipe(flavour="cpu", steps=60, rounds=3, batch_size=4, learning_rate=6e-4, range_pictures=4)
REGRESSOR = LinearRegressor(np.random.default_rng(0).normal(size=8) * 100, 50.0)


def uneven_backbone() -> TinyBackbone:
    backbone = TinyBackbone().eval()
    with torch.no_grad():
        # Neighbouring pixels are nearly equal, so that the two cancel out.
        backbone.first.conv.weight[:, 1, 1, 0] += LARGE
        backbone.first.conv.weight[:, 1, 1, 1] -= LARGE
    return backbone


def learn(task: Task, folder: Path, recipe: QatRecipe = RECIPE, save_seconds: float = 0.0) -> QuantisationAware:
    fabric = Fabric(accelerator="cpu", devices=1)
    return fine_tune_quantised(
        uneven_backbone(), REGRESSOR, task, recipe, fabric=fabric, folder=folder, save_seconds=save_seconds
    )
