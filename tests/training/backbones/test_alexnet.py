from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import AlexNet, Backbone, WeightsError  # noqa: E402  # after the skip
from deepbiq_training.backbones.alexnet_weights import load_alexnet  # noqa: E402
from deepbiq_training.backbones.pixel_input import PixelInput  # noqa: E402

ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""The same sums in another order: a matrix product of one row and of several use other kernels."""


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AlexNet().eval()


@pytest.fixture
def weights(tmp_path):
    """A path for a weights file, which is removed after the test: it may have 244 MB."""
    path = tmp_path / "alexnet.pth"
    yield path
    path.unlink(missing_ok=True)


def normalised_noise(*shape):
    return torch.from_numpy(np.random.default_rng(7).uniform(-2, 2, shape).astype(np.float32))


@torch.inference_mode()
def test_it_is_torchvisions(network):
    models = pytest.importorskip("torchvision", reason="compares with torchvision: pip install torchvision").models
    theirs = models.alexnet(weights=None).eval()
    theirs.load_state_dict(network.state_dict())
    pictures = normalised_noise(2, 3, 224, 224)
    torch.testing.assert_close(network(pictures), theirs(pictures), **ROUNDING)
    feature_map = theirs.avgpool(theirs.features(pictures))
    assert torch.equal(network.feature_map(pictures), feature_map)
    expected = theirs.classifier[:6](feature_map.flatten(1))
    torch.testing.assert_close(network.feature_vector(feature_map), expected, **ROUNDING)


def test_parameters_are_torchvisions(network):
    assert isinstance(network, Backbone)
    assert sum(parameter.numel() for parameter in network.parameters()) == 61_100_840  # as torchvision documents
    assert [name for name in network.state_dict() if name.endswith("weight")] == [
        *(f"features.{i}.weight" for i in (0, 3, 6, 8, 10)),
        *(f"classifier.{i}.weight" for i in (1, 4, 6)),
    ]


@torch.inference_mode()
def test_a_crop_is_one_window_exactly(network):
    feature_map = network.feature_map(normalised_noise(3, 3, 224, 224))
    assert feature_map.shape == (3, 256, 6, 6)
    windows = network.window_features(feature_map)
    assert windows.shape == (3, 4096, 1, 1)
    assert torch.equal(windows[:, :, 0, 0], network.feature_vector(feature_map))


@torch.inference_mode()
def test_without_padding_dense_features_are_those_of_the_crops():
    """With kernels that never reach a padded cell every window must equal its crop."""
    torch.manual_seed(1)
    network = AlexNet(1).eval()
    first = network.first_convolution
    for edge in (slice(0, 2), slice(10, 11)):  # they look at the padding: two pixels before a window, one after
        first.weight[:, :, edge] = 0
        first.weight[:, :, :, edge] = 0
    for layer in network.features[3::]:
        if isinstance(layer, torch.nn.Conv2d):
            middle = layer.kernel_size[0] // 2
            kept = layer.weight[:, :, middle, middle].clone()
            layer.weight.zero_()
            layer.weight[:, :, middle, middle] = 5 * kept
    picture = normalised_noise(1, 3, 224 + 64, 224 + 32)
    shared = network.feature_map(picture)
    assert shared.shape == (1, 256, 8, 7)
    dense = network.window_features(shared)
    assert dense.shape == (1, 4096, 3, 2)
    for i, j in np.ndindex(3, 2):
        own = network.feature_map(picture[:, :, 32 * i : 32 * i + 224, 32 * j : 32 * j + 224])
        torch.testing.assert_close(shared[:, :, i : i + 6, j : j + 6], own, **ROUNDING)
        torch.testing.assert_close(dense[:, :, i, j], network.feature_vector(own), **ROUNDING)


def test_pictures_are_rgb_normalised_as_imagenet(network):
    bgr = torch.tensor([0, 128, 255], dtype=torch.uint8).expand(1, 1, 1, 3)
    found = PixelInput(network.spec.normalisation)(bgr).flatten().tolist()
    expected = [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0 - 0.406) / 0.225]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["torch", "safetensors"])
def test_a_state_dict_loads_back(network, weights, form):
    if form == "torch":
        torch.save(network.state_dict(), weights)
        path = weights
    else:
        path = weights.with_suffix(".safetensors")
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), path)
    try:
        loaded, origin = load_alexnet(path)
    finally:
        path.unlink()
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert (origin.source, origin.licence, origin.mean_sha256) == (path.name, "unknown", None)
    assert origin.key == origin.sha256


def refused(path, match):
    with pytest.raises(WeightsError, match=match) as caught:
        load_alexnet(path)
    return str(caught.value)


def test_another_network_is_refused_with_names_and_shapes(weights):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "fc.bias": torch.zeros(7)}, weights)
    message = refused(weights, "not torchvision's AlexNet")
    assert "features.0.bias is missing" in message
    assert "and 12 more" in message


def test_any_number_of_classes_is_accepted(network, weights):
    state = {**network.state_dict(), "classifier.6.weight": torch.ones(5, 4096), "classifier.6.bias": torch.ones(5)}
    torch.save(state, weights)
    assert load_alexnet(weights)[0].classifier[6].out_features == 5


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth"])
def test_broken_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00nothing")
    refused(tmp_path / name, "not a readable PyTorch weights file")
