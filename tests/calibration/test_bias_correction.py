"""Bias correction: means come back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from deepbiq_calibration.bias_correction import add_to_bias, correct_features, layer_errors, offset_for
from deepbiq_calibration.flavours import FLAVOURS, candidates_of, quantise
from tests.calibration.conftest import pictures, run
from tests.calibration.networks import SIZE


def pre_activation(model, layer, inputs):
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    name = next(node.output[0] for node in model.graph.node if node.name == layer)
    exposed.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return np.mean([run(exposed, images, [name])[0].mean(axis=(0, 2, 3)) for images in inputs], axis=0)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_each_layers_own_error_vanishes(network, ranges_of, inputs, flavour):
    """Measured again after the correction, nothing is left of it."""
    quantised = quantise(network, "features", flavour, ranges_of(flavour))
    layers = candidates_of(network, "features", flavour)
    before = layer_errors(network, quantised, layers, inputs, 1)
    for layer, error in before.items():
        add_to_bias(quantised, layer, error)
    after = layer_errors(network, quantised, layers, inputs, 1)
    for layer in layers:
        assert np.abs(before[layer]).max() > 1e-4
        # An integer bias moves by steps.
        assert np.abs(after[layer]).max() < 0.02 * np.abs(before[layer]).max() + 1e-4


def test_a_layers_error_is_that_of_its_own_rounding(network, ranges_of, inputs):
    """It is fed what FP32 feeds it: the first layer's error is all there is at its output."""
    quantised = quantise(network, "features", "tensorrt", ranges_of("tensorrt"))
    (error,) = layer_errors(network, quantised, ["stem"], inputs, 1).values()
    expected = pre_activation(network, "stem", inputs) - pre_activation(quantised, "stem", inputs)
    np.testing.assert_allclose(error, expected, atol=1e-4)


def test_the_features_means_come_back(network, ranges_of):
    """On crops, whose one window is all there is, features are the means that are corrected."""
    crops = [picture[None, :SIZE, :SIZE] for picture in pictures(16, seed=6)]
    coarse = quantise(network, "features", "cpu", ranges_of("cpu"))
    corrected = correct_features(network, coarse, "features", crops, 1)

    def means(model):
        return np.mean([run(model, crop)[0].ravel() for crop in crops], axis=0)

    before, after = (np.abs(means(model) - means(network)) for model in (coarse, corrected))
    assert before.mean() > 0.005
    # The output's own step, 6 / 255, is not corrected.
    assert after.mean() < 0.3 * before.mean()


def test_offsets_without_a_bound_are_differences_of_means():
    values = [np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)]
    offset = offset_for(values, np.array([1.0, -2.0, 0.5]), (-np.inf, np.inf))
    np.testing.assert_allclose(offset, [1.0, -2.0, 0.5] - values[0].mean(axis=(0, 2, 3)), atol=1e-6)


def test_offsets_with_bounds_meet_the_mean_after_the_cut():
    values = [np.random.default_rng(1).normal(1.0, 2.0, (1, 5, 16, 16)).astype(np.float32) for _ in range(3)]
    moved = np.linspace(-1.0, 1.0, 5)
    wanted = np.mean([np.clip(v + moved[:, None, None], 0, 6).mean(axis=(0, 2, 3)) for v in values], axis=0)
    np.testing.assert_allclose(offset_for(values, wanted, (0.0, 6.0)), moved, atol=1e-3)


def test_a_channel_that_is_always_cut_off_is_left_alone():
    values = [np.full((1, 1, 4, 4), -5.0, np.float32)]
    assert offset_for(values, np.array([0.3]), (0.0, 6.0)).tolist() == [0.0]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_adding_to_a_bias_moves_the_output_by_as_much(network, ranges_of, inputs, flavour):
    model = quantise(network, "features", flavour, ranges_of(flavour))
    offset = np.linspace(-0.5, 0.5, 8)
    before = pre_activation(model, "stem", inputs)
    add_to_bias(model, "stem", offset)
    np.testing.assert_allclose(pre_activation(model, "stem", inputs) - before, offset, atol=0.01)
