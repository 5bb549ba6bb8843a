from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq.crops import crop_positions  # noqa: E402  # after the skip
from deepbiq.plans import Plan  # noqa: E402
from deepbiq_training.backbones.pixel_input import PixelInput  # noqa: E402
from deepbiq_training.sampling import FeatureSampler, decode_at_scale  # noqa: E402
from tests.training.miniature import miniature_picture  # noqa: E402

HALF_PRECISION = 2e-3
"""Absolute, on features of 0..6 stored as float16."""


@pytest.fixture(scope="module")
def sampler(lite0):
    return FeatureSampler(lite0)


@torch.inference_mode()
def crop_feature(lite0, bgr, top, left):
    crop = torch.from_numpy(np.ascontiguousarray(bgr[None, top : top + 224, left : left + 224]))
    return lite0.feature_map(PixelInput(lite0.spec.normalisation)(crop)).mean((2, 3))[0].numpy()


def test_crops_are_the_runtimes_crops(lite0, sampler):
    bgr, plan = miniature_picture(1, 0.8), Plan("random", 7)
    features = sampler(bgr, plan)
    assert features.shape == (7, 1280)
    top, left = crop_positions(bgr, plan, 224)[6]
    np.testing.assert_allclose(features[6], crop_feature(lite0, bgr, top, left), atol=HALF_PRECISION)


def test_dense_gives_a_window_around_every_cell_of_the_padded_picture(sampler):
    assert sampler(miniature_picture(0, 0.8), Plan("dense")).shape == (9, 8, 1280)  # 288x256
    assert sampler(miniature_picture(2, 0.8), Plan("dense")).shape == (9, 9, 1280)  # 260x260, padded to 288


def test_whole_is_one_crop(sampler):
    assert sampler(miniature_picture(1, 0.8), Plan("whole")).shape == (1, 1280)


def test_features_are_averages_after_relu6(sampler):
    features = sampler(miniature_picture(1, 0.8), Plan("grid", 2))
    assert features.dtype == np.float16
    assert features.min() >= 0
    assert features.max() <= 6


def test_pictures_are_decoded_at_the_training_scale(miniature):
    path = miniature / "Images" / "ss02 (2).jpg"
    assert decode_at_scale(path.read_bytes(), name="x", short_side=128).shape == (128, 160, 3)
