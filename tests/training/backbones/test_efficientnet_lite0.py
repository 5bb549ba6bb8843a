from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import Backbone, EfficientNetLite0  # noqa: E402  # after the skip
from deepbiq_training.backbones.conv_norm import fold_batch_norms, same_padding  # noqa: E402
from deepbiq_training.backbones.pixel_input import PixelInput  # noqa: E402

PACKAGE_TOLERANCE = 1e-4
"""Agreement with the package's own network that the default bundle promises."""
FOLD_TOLERANCE = 1e-4
"""Absolute, on features of 0..6: folding multiplies in another order."""


@pytest.fixture(scope="module")
def package_network(packaged_weights):
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra deepbiq[dev]")
    network = package.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(packaged_weights, weights_only=True))
    return network.eval()


def normalised_noise(*shape):
    return torch.from_numpy(np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32))


@torch.inference_mode()
def test_feature_map_and_features_agree_with_the_package(lite0, package_network):
    pictures = normalised_noise(3, 3, 224, 224)
    expected = package_network.extract_features(pictures)
    found = lite0.feature_map(pictures)
    assert found.shape == (3, 1280, 7, 7)
    assert (found - expected).abs().max() <= PACKAGE_TOLERANCE
    assert (lite0.feature_vector(found) - expected.mean((2, 3))).abs().max() <= PACKAGE_TOLERANCE


@torch.inference_mode()
def test_class_scores_agree_with_the_package(lite0, package_network):
    pictures = normalised_noise(2, 3, 224, 224)
    assert (lite0(pictures) - package_network(pictures)).abs().max() <= PACKAGE_TOLERANCE


@torch.inference_mode()
def test_cell_of_a_dense_map_is_the_crop_that_starts_32_pixels_per_cell_further(lite0, samples):
    """A crop sees zeros where the picture goes on, so it never equals its place in the dense map; but among all
    places it must resemble the right one most."""
    astronaut = cv2.imread(str(next(path for path in samples if path.stem == "astronaut")))[:512, :512]
    picture = PixelInput(lite0.spec.normalisation)(torch.from_numpy(astronaut[None]))
    dense = lite0.feature_map(picture)[0]
    assert dense.shape == (1280, 16, 16)
    for row, column in ((0, 0), (2, 3), (3, 5)):
        crop = picture[:, :, 32 * row : 32 * row + 224, 32 * column : 32 * column + 224]
        cells = lite0.feature_map(crop)[0]
        distances = {
            (i, j): float((dense[:, i : i + 7, j : j + 7] - cells).square().mean())
            for i in range(10)
            for j in range(10)
        }
        best, second = sorted(distances, key=distances.__getitem__)[:2]
        assert best == (row, column)
        assert distances[best] < 0.9 * distances[second]


@torch.inference_mode()
def test_moving_a_picture_by_the_stride_moves_the_map_by_a_cell(lite0):
    picture = normalised_noise(1, 3, 1024, 256)
    whole, lower = lite0.feature_map(picture), lite0.feature_map(picture[:, :, 32:])
    # Rows whose receptive field touches neither of the two different top edges.
    torch.testing.assert_close(whole[:, :, 17:-1], lower[:, :, 16:-1], atol=1e-3, rtol=0)


def test_is_a_backbone():
    network = EfficientNetLite0()
    assert isinstance(network, Backbone)
    assert sum(p.numel() for p in network.parameters()) == 4_652_008  # as the reference: 4.7 million


@pytest.mark.parametrize(
    ("kernel", "stride", "expected"),
    [(1, 1, (0, 0)), (3, 1, (1, 1)), (5, 1, (2, 2)), (3, 2, (0, 1)), (5, 2, (1, 2))],
)
def test_same_padding_puts_the_odd_pixel_last(kernel, stride, expected):
    assert same_padding(kernel, stride) == expected


@torch.inference_mode()
def test_folding_keeps_the_function_and_the_original(lite0):
    pictures = normalised_noise(2, 3, 96, 160)
    before = lite0.feature_map(pictures)
    folded = fold_batch_norms(lite0)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert (folded.feature_map(pictures) - before).abs().max() <= FOLD_TOLERANCE
    assert torch.equal(lite0.feature_map(pictures), before)


def test_pixel_input_swaps_colours_and_normalises():
    spec = EfficientNetLite0().spec
    bgr = torch.tensor([0, 127, 255], dtype=torch.uint8).expand(1, 2, 3, 3)
    rgb = PixelInput(spec.normalisation)(bgr)
    assert rgb.shape == (1, 3, 2, 3)
    assert rgb[0, :, 0, 0].tolist() == [1.0, 0.0, -127 / 128]
