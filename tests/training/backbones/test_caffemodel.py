from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
pytest.importorskip("google.protobuf", reason="needs the extra deepbiq[train]")

from deepbiq_training.backbones import WeightsError  # after the skip
from deepbiq_training.backbones.caffemodel import read_caffemodel, read_mean
from tests.training.backbones import caffe_files as caffe

PATH = Path("net.caffemodel")
WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 7
BIAS = np.array([0.5, -3e30], dtype=np.float32)


def assert_read(data):
    found = read_caffemodel(data, PATH)
    assert found.keys() == {"conv1.weight", "conv1.bias"}
    for array, expected in ((found["conv1.weight"], WEIGHT), (found["conv1.bias"], BIAS)):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected, strict=True)


@pytest.mark.parametrize("layer", [caffe.new_layer, lambda name, _, *blobs: caffe.old_layer(name, 4, *blobs)])
@pytest.mark.parametrize("shape", [caffe.shape_of, caffe.legacy_shape_of])
@pytest.mark.parametrize("values", [caffe.packed_floats, caffe.unpacked_floats, caffe.packed_doubles])
def test_every_form_of_layer_shape_and_numbers(layer, shape, values):
    blobs = [shape(array) + values(array) for array in (WEIGHT, BIAS)]
    assert_read(caffe.net(layer("conv1", "Convolution", *blobs)))


def test_unpacked_shapes():
    blobs = [caffe.shape_of(array, packed=False) + caffe.packed_floats(array) for array in (WEIGHT, BIAS)]
    assert_read(caffe.net(caffe.new_layer("conv1", "Convolution", *blobs)))


def test_numbers_in_several_pieces_are_joined():
    pieces = caffe.packed_floats(WEIGHT.ravel()[:10]) + caffe.unpacked_floats(WEIGHT.ravel()[10:])
    blobs = [caffe.shape_of(WEIGHT) + pieces, caffe.new_blob(BIAS)]
    assert_read(caffe.net(caffe.new_layer("conv1", "Convolution", *blobs)))


def test_everything_else_is_skipped():
    diff = caffe.field(6, caffe.BYTES, BIAS.tobytes())
    blobs = [caffe.new_blob(WEIGHT) + diff, diff + caffe.new_blob(BIAS)]
    further = caffe.number(5, 1) + caffe.field(3, caffe.BYTES, b"data")
    assert_read(
        caffe.net(caffe.new_layer("data", "Data"), caffe.new_layer("conv1", "Convolution", *blobs), further)
    )


def test_old_blobs_lose_leading_axes_of_length_one():
    matrix = np.ones((1, 5), np.float32)
    found = read_caffemodel(caffe.net(caffe.old_layer("fc", 14, caffe.old_blob(matrix))), PATH)
    assert found["fc.weight"].shape == (5,)
    found = read_caffemodel(caffe.net(caffe.old_layer("fc", 14, caffe.old_blob(np.ones((1, 1), np.float32)))), PATH)
    assert found["fc.weight"].shape == (1,)


def test_a_third_blob_has_a_name_of_its_own():
    blob = caffe.new_blob(BIAS)
    assert "norm.blob2" in read_caffemodel(caffe.net(caffe.new_layer("norm", "BatchNorm", blob, blob, blob)), PATH)


def refused(data, match):
    with pytest.raises(WeightsError, match=match) as caught:
        read_caffemodel(data, PATH)
    assert str(PATH) in str(caught.value)


WHOLE = caffe.net(caffe.new_layer("conv1", "Convolution", caffe.new_blob(WEIGHT), caffe.new_blob(BIAS)))


@pytest.mark.parametrize("length", range(1, len(WHOLE), 5))
def test_truncated_files_are_refused(length):
    refused(WHOLE[:length], "truncated, or not a file of Caffe's|holds no layer with weights")


@pytest.mark.parametrize(
    "data", [b"name: 'CaffeNet'\n", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04" + bytes(100), b"\xff" * 50]
)
def test_foreign_files_are_refused(data):
    refused(data, "truncated, or not a file of Caffe's|holds no layer with weights")


def test_files_without_weights_are_refused():
    refused(b"", "holds no layer with weights")
    refused(caffe.mean_file((100, 110, 120)), "holds no layer with weights")


def test_numbers_that_do_not_fill_their_shape_are_refused():
    blob = caffe.shape_of(WEIGHT) + caffe.packed_floats(BIAS)
    refused(caffe.net(caffe.new_layer("conv1", "Convolution", blob)), r"layer 'conv1' holds 2 numbers.*needs 24")


def test_negative_lengths_are_refused():
    minus_one = (1 << 64) - 1
    shape = caffe.field(7, caffe.BYTES, caffe.number(1, minus_one) * 2)
    blob = shape + caffe.packed_floats(np.ones(1, np.float32))
    refused(caffe.net(caffe.new_layer("conv1", "Convolution", blob)), r"its shape \(-1, -1\)")


def test_a_mean_file_becomes_one_value_per_channel():
    mean = read_mean(caffe.mean_file((104.0, 116.5, 122.75)), Path("mean.binaryproto"))
    assert mean == pytest.approx((104.0, 116.5, 122.75), abs=1e-4)


def test_a_mean_in_the_new_form():
    picture = np.full((3, 4, 5), 7, np.float32)
    assert read_mean(caffe.new_blob(picture), Path("mean.binaryproto")) == (7, 7, 7)
    assert read_mean(caffe.new_blob(picture[None]), Path("mean.binaryproto")) == (7, 7, 7)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"mean", "truncated"),
        (b"", "3 channels"),
        (WHOLE, "3 channels"),
        (caffe.new_blob(np.ones((1, 4, 4), np.float32)), r"3 channels, this has shape \(1, 4, 4\)"),
        (caffe.new_blob(np.full((3, 4, 4), 300, np.float32)), "no pixel values"),
        (caffe.new_blob(np.full((3, 4, 4), np.nan, np.float32)), "no pixel values"),
        (caffe.shape_of(WEIGHT) + caffe.packed_floats(BIAS), "the mean holds 2 numbers"),
    ],
)
def test_what_is_no_mean_is_refused(data, match):
    with pytest.raises(WeightsError, match=match) as caught:
        read_mean(data, Path("mean.binaryproto"))
    assert "mean.binaryproto" in str(caught.value)
