from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import Backbone, CaffeNet  # noqa: E402  # after the skip
from deepbiq_training.backbones.pixel_input import PixelInput  # noqa: E402

MEAN_BGR = (104.0, 117.0, 123.0)
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""The same sums in another order: a matrix product of one row and of several use other kernels."""


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return CaffeNet(mean_bgr=MEAN_BGR).eval()


def pixels(*shape):
    return torch.from_numpy(np.random.default_rng(3).uniform(-120, 130, shape).astype(np.float32))


def test_parameters_are_those_of_the_reference_network(network):
    assert isinstance(network, Backbone)
    assert sum(parameter.numel() for parameter in network.parameters()) == 60_965_224


@pytest.mark.parametrize("classes", [205, 1183])
def test_places_and_hybrid_networks_differ_in_the_last_layer(network, classes):
    other = CaffeNet(classes)
    differing = {
        name for name, tensor in other.state_dict().items() if tensor.shape != network.state_dict()[name].shape
    }
    assert differing == {"fc8.weight", "fc8.bias"}
    assert other.fc8.weight.shape == (classes, 4096)


@torch.inference_mode()
def test_every_layer_has_the_size_that_caffe_prints(network):
    """The sizes of Caffe's log for bvlc_reference_caffenet at batch 10; fc6 and fc7 have one window here."""
    sizes = {}
    layers = {name: layer for name, layer in network.named_children() if not name.startswith("drop")}
    hooks = [
        layer.register_forward_hook(lambda _, __, out, name=name: sizes.update({name: tuple(out.shape)}))
        for name, layer in layers.items()
    ]
    network(pixels(10, 3, 227, 227))
    for hook in hooks:
        hook.remove()
    assert sizes == {
        "conv1": (10, 96, 55, 55),
        "pool1": (10, 96, 27, 27),
        "norm1": (10, 96, 27, 27),
        "conv2": (10, 256, 27, 27),
        "pool2": (10, 256, 13, 13),
        "norm2": (10, 256, 13, 13),
        "conv3": (10, 384, 13, 13),
        "conv4": (10, 384, 13, 13),
        "conv5": (10, 256, 13, 13),
        "pool5": (10, 256, 6, 6),
        "fc6": (10, 4096, 1, 1),
        "fc7": (10, 4096, 1, 1),
        "fc8": (10, 1000),
    }
    assert list(sizes)[:3] == ["conv1", "pool1", "norm1"]  # CaffeNet pools first, AlexNet normalises first


@pytest.mark.parametrize("name", ["norm1", "norm2"])
def test_lrn_by_hand(network, name):
    maps = torch.tensor([10.0, 20, 30, 40, 50, 60]).view(1, 6, 1, 1)
    found = getattr(network, name)(maps).flatten()
    # Channel 2: squares of channels 0 to 4 are 5500; alpha / 5 * 5500 = 0.11. Channel 0 has neighbours on one side
    # only: 1400, 0.028. Channel 5: 1600 + 2500 + 3600 = 7700, 0.154.
    assert found[2].item() == pytest.approx(30 / 1.11**0.75, rel=1e-6)
    assert found[0].item() == pytest.approx(10 / 1.028**0.75, rel=1e-6)
    assert found[5].item() == pytest.approx(60 / 1.154**0.75, rel=1e-6)


@torch.inference_mode()
def test_grouped_convolution_by_hand():
    convolution = CaffeNet(1).conv2
    assert convolution.weight.shape == (256, 48, 5, 5)
    convolution.weight.fill_(1)
    convolution.bias.copy_(torch.arange(256))
    maps = torch.cat([torch.full((1, 48, 6, 6), 1.0), torch.full((1, 48, 6, 6), 2.0)], dim=1)
    found = convolution(maps)[0]
    # 48 channels of 1 (first group) or 2 (second): 25 cells in the middle, 9 at a corner padded by two; plus bias.
    assert found[7, 2, 2].item() == 48 * 25 + 7
    assert found[7, 0, 0].item() == 48 * 9 + 7
    assert found[127, 3, 3].item() == 48 * 25 + 127
    assert found[128, 3, 3].item() == 48 * 25 * 2 + 128
    assert found[255, 5, 0].item() == 48 * 9 * 2 + 255


@pytest.mark.parametrize("name", ["conv2", "conv4", "conv5"])
def test_groups_do_not_see_each_other(name):
    convolution = getattr(CaffeNet(1), name)
    assert convolution.groups == 2
    maps = torch.zeros(1, convolution.in_channels, 5, 5)
    maps[:, : convolution.in_channels // 2] = 1
    silent = convolution(maps)[0, convolution.out_channels // 2 :]
    expected = convolution.bias[convolution.out_channels // 2 :].view(-1, 1, 1).expand_as(silent)
    torch.testing.assert_close(silent, expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1, 5, 2], [5]),
        ([1, 5, 2, 9], [5, 9]),  # the last window holds two cells
        ([1, 5, 2, 9, 3], [5, 9]),  # fits exactly
        ([1, 5, 2, 9, 3, 4], [5, 9, 4]),  # clipped again
        ([-1, -5, -2, -9], [-1, -2]),  # what lies outside is not zero
    ],
)
def test_pooling_rounds_up_and_clips_as_caffe_does(network, row, expected):
    maps = torch.tensor(row, dtype=torch.float32).view(1, 1, 1, -1).expand(1, 1, 3, -1)
    assert network.pool1(maps).flatten().tolist() == expected


@pytest.mark.parametrize("size", range(3, 30))
def test_pooling_agrees_with_caffes_own_loops(network, size):
    maps = np.random.default_rng(size).normal(size=(size, size + 1)).astype(np.float32)
    rows, columns = (-(-(length - 3) // 2) + 1 for length in maps.shape)
    expected = [[maps[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max() for j in range(columns)] for i in range(rows)]
    found = network.pool5(torch.from_numpy(maps)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))


@torch.inference_mode()
def test_a_crop_is_one_window_exactly(network):
    feature_map = network.feature_map(pixels(3, 3, 227, 227))
    windows = network.window_features(feature_map)
    assert windows.shape == (3, 4096, 1, 1)
    assert torch.equal(windows[:, :, 0, 0], network.feature_vector(feature_map))


@torch.inference_mode()
def test_a_crops_features_are_those_of_fully_connected_layers(network):
    feature_map = network.feature_map(pixels(2, 3, 227, 227))
    hidden = torch.relu(feature_map.flatten(1) @ network.fc6.weight.T + network.fc6.bias)
    expected = torch.relu(hidden @ network.fc7.weight.T + network.fc7.bias)
    torch.testing.assert_close(network.feature_vector(feature_map), expected, **ROUNDING)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (1, 3), (4, 5)])
@torch.inference_mode()
def test_each_further_window_takes_32_pixels(network, rows, columns):
    feature_map = network.feature_map(pixels(1, 3, 227 + 32 * (rows - 1), 227 + 32 * (columns - 1)))
    assert feature_map.shape == (1, 256, rows + 5, columns + 5)
    assert network.window_features(feature_map).shape == (1, 4096, rows, columns)


def windows_and_crops(network, picture, rows, columns):
    """Yields for each window the cells of the shared map and the map of the crop at its place."""
    shared = network.feature_map(picture)
    for i, j in np.ndindex(rows, columns):
        crop = picture[:, :, 32 * i : 32 * i + 227, 32 * j : 32 * j + 227]
        yield (i, j), shared[:, :, i : i + 6, j : j + 6], network.feature_map(crop)


@torch.inference_mode()
def test_cells_that_no_padding_reaches_are_those_of_the_crop(network):
    """Padding spreads from conv2 to conv5 over the outer two cells of pool5: the middle 2x2 see picture only."""
    picture = pixels(1, 3, 227 + 64, 227 + 96)
    for _, shared, own in windows_and_crops(network, picture, 3, 4):
        torch.testing.assert_close(shared[:, :, 2:4, 2:4], own[:, :, 2:4, 2:4], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_without_padding_dense_features_are_those_of_the_crops():
    """With kernels that look at their own cell only, padding does not matter: every window must equal its crop."""
    torch.manual_seed(1)
    network = CaffeNet(1).eval()
    for convolution in (network.conv2, network.conv3, network.conv4, network.conv5):
        middle = convolution.kernel_size[0] // 2
        kept = convolution.weight[:, :, middle, middle].clone()
        convolution.weight.zero_()
        convolution.weight[:, :, middle, middle] = 5 * kept
    picture = pixels(1, 3, 227 + 64, 227 + 32)
    dense = network.window_features(network.feature_map(picture))
    for (i, j), shared, own in windows_and_crops(network, picture, 3, 2):
        torch.testing.assert_close(shared, own, **ROUNDING)
        torch.testing.assert_close(dense[:, :, i, j], network.feature_vector(own), **ROUNDING)
    assert dense.std(dim=(2, 3)).max() > 1e-3  # windows do differ


def test_dropout_acts_in_training_only(network):
    feature_map = pixels(1, 256, 6, 6).relu()
    assert torch.equal(network.feature_vector(feature_map), network.feature_vector(feature_map))
    network.train()
    try:
        assert not torch.equal(network.feature_vector(feature_map), network.feature_vector(feature_map))
    finally:
        network.eval()


def test_pictures_are_bgr_minus_mean(network):
    spec = network.spec
    assert (spec.input_size, spec.stride, spec.feature_size) == (227, 32, 4096)
    assert spec.normalisation.mean == MEAN_BGR[::-1]
    bgr = torch.tensor([104, 120, 100], dtype=torch.uint8).expand(1, 2, 3, 3)
    found = PixelInput(spec.normalisation)(bgr)
    assert found.shape == (1, 3, 2, 3)
    assert found[0, :, 0, 0].tolist() == [0.0, 3.0, -23.0]
