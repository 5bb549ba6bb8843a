from __future__ import annotations

import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
pytest.importorskip("google.protobuf", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import WeightsError  # noqa: E402  # after the skip
from deepbiq_training.backbones.caffenet_weights import load_caffenet  # noqa: E402
from tests.training.backbones import caffe_files as caffe  # noqa: E402


@pytest.fixture
def mean(tmp_path):
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(caffe.mean_file((104.0, 116.5, 122.75)))
    return path


@pytest.fixture
def weights(tmp_path):
    """The path of the weights file, which is removed after the test: it may have 244 MB."""
    path = tmp_path / "net.caffemodel"
    yield path
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("write", [caffe.new_caffemodel, caffe.old_caffemodel])
def test_a_caffemodel_loads_back_exactly_layer_by_layer(weights, mean, write):
    arrays = caffe.caffenet_arrays(classes=1000)
    weights.write_bytes(write(arrays))
    network, origin = load_caffenet(weights, mean)
    for name, (weight, bias) in arrays.items():
        layer = getattr(network, name)
        np.testing.assert_array_equal(layer.weight.detach().numpy(), weight, strict=True)
        np.testing.assert_array_equal(layer.bias.detach().numpy(), bias, strict=True)
    assert network.mean_bgr.tolist() == pytest.approx([104.0, 116.5, 122.75], abs=1e-4)
    assert not network.training
    assert (origin.source, origin.licence) == ("net.caffemodel", "unknown")
    assert origin.mean_sha256 == hashlib.sha256(mean.read_bytes()).hexdigest()


def refused(weights, mean, match):
    with pytest.raises(WeightsError, match=match) as caught:
        load_caffenet(weights, mean)
    return str(caught.value)


def test_any_number_of_classes_is_accepted(weights, mean):
    weights.write_bytes(caffe.new_caffemodel(caffe.caffenet_arrays(classes=205)))
    assert load_caffenet(weights, mean)[0].fc8.weight.shape == (205, 4096)


def test_another_architecture_is_refused_with_names_and_shapes(weights, mean):
    generator = np.random.default_rng(0)
    arrays = {
        name: (generator.random(shape, np.float32), generator.random(shape[0], np.float32))
        for name, shape in (
            ("conv1", (96, 3, 11, 11)),
            ("conv2", (256, 96, 5, 5)),
            ("conv3", (384, 256, 3, 3)),
            ("conv4", (384, 192, 3, 3)),
            ("conv5", (256, 192, 3, 3)),
            ("fc6_small", (10, 9216)),
            ("fc7", (12, 10)),
            ("fc8", (5, 4096)),
        )
    }
    weights.write_bytes(caffe.old_caffemodel(arrays))
    message = refused(weights, mean, str(weights))
    assert "fc6.weight is missing" in message
    assert "fc6_small.weight is not part of the network" in message
    assert "conv2.weight has shape (256, 96, 5, 5), expected (256, 48, 5, 5)" in message
    assert "and 2 more" in message


def test_a_net_without_the_last_layer_is_refused(weights, mean):
    weights.write_bytes(caffe.new_caffemodel({"conv1": caffe.caffenet_arrays(1)["conv1"]}))
    assert "conv2.weight is missing" in refused(weights, mean, "and 9 more")


def test_files_that_are_missing_or_swapped_are_refused(weights, mean):
    refused(weights, mean, r"net\.caffemodel cannot be read: No such file")
    weights.write_bytes(caffe.new_caffemodel({"conv1": caffe.caffenet_arrays(1)["conv1"]}))
    refused(weights, mean.with_name("none.binaryproto"), r"none\.binaryproto cannot be read")
    refused(mean, weights, "a mean file holds one picture")
