"""Rounding for the output: nearer outputs, the same steps, and still no saturation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq_calibration import rounding
from deepbiq_calibration.flavours import FLAVOURS, candidates_of, quantise
from deepbiq_calibration.network import layers_of
from deepbiq_calibration.rounding import pair_limits, round_rows, round_weights, second_moments, store_weights
from deepbiq_calibration.saturation import LARGEST_PAIR, safe_scales
from tests.calibration.conftest import run
from tests.calibration.networks import weights_of, with_rectifiers, worst_pair


def round_one_group(rows, steps, moment, limits):
    return round_rows(rows[None], steps[None], moment[None], limits[None])[0]


def correlated_inputs(places=2000, inputs=12):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 5, (places, 1)) + rng.normal(0, 0.5, (places, inputs))


def test_outputs_come_nearer_than_by_rounding_to_the_nearest():
    x = correlated_inputs()
    rows = np.random.default_rng(1).normal(size=(40, 12))
    steps = np.abs(rows).max(axis=1) / 30
    limits = np.full(rows.shape, 127)
    nearest = np.round(rows / steps[:, None]) * steps[:, None]
    fed_back = round_one_group(rows, steps, x.T @ x, limits) * steps[:, None]

    def error(stored):
        return np.square(x @ (stored - rows).T).mean()

    assert error(fed_back) < 0.25 * error(nearest)


def test_where_all_inputs_are_alike_the_sum_of_the_weights_is_kept():
    """A flat part of a picture: nothing but the sum matters."""
    rows = np.random.default_rng(2).normal(size=(20, 9))
    steps = np.full(20, 0.1)
    stored = round_one_group(rows, steps, np.full((9, 9), 100.0), np.full(rows.shape, 127))
    kept = np.abs(stored.sum(axis=1) * 0.1 - rows.sum(axis=1))
    nearest = np.abs(np.round(rows / 0.1).sum(axis=1) * 0.1 - rows.sum(axis=1))
    assert kept.max() < 0.08  # a step, less what the next weights still take
    assert kept.mean() < 0.5 * nearest.mean()


def test_inputs_that_have_nothing_in_common_are_rounded_to_the_nearest():
    rows = np.random.default_rng(3).normal(size=(5, 6))
    steps = np.full(5, 0.05)
    stored = round_one_group(rows, steps, np.eye(6), np.full(rows.shape, 127))
    np.testing.assert_array_equal(stored, np.round(rows / 0.05))


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_pairs_fit_whatever_is_rounded_within_the_limits(seed, inputs):
    rng = np.random.default_rng(seed)
    weights = (rng.normal(size=(8, inputs)) * rng.choice([1e-3, 1.0, 50.0], (8, inputs))).astype(np.float32)
    nearest = np.round(weights / safe_scales(weights)[:, None]).astype(np.int64)
    limits = pair_limits(nearest)
    assert (limits >= np.abs(nearest)).all()
    assert limits.max() <= 127
    assert worst_pair(limits.astype(np.int8)) <= LARGEST_PAIR


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_quantised_layers_are_rounded_anew_and_nothing_else_changes(network, ranges_of, inputs, flavour):
    quantised = quantise(network, "features", flavour, ranges_of(flavour))
    names = candidates_of(network, "features", flavour)
    layers = [node for node in layers_of(network, "features") if node.name in names]
    values = weights_of(network)
    moments = second_moments(network, layers, inputs, 1)
    weights = {node.name: values[node.input[1]] for node in layers}
    stored = round_weights(quantised, weights, moments, pairs_fit=flavour == "cpu")
    assert stored.keys() == set(names)
    if flavour == "cpu":
        assert max(worst_pair(value) for value in stored.values()) <= LARGEST_PAIR
    rounded = store_weights(quantised, stored)
    before, after = weights_of(quantised), weights_of(rounded)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed
    assert changed <= {f"{name}.weight_quantized" for name in names}
    exact = run(network, inputs[0])[0]
    assert np.abs(run(rounded, inputs[0])[0] - exact).mean() < 0.1 * exact.mean()


def test_moments_are_of_what_each_group_sees(inputs):
    network = with_rectifiers()
    layers = {node.name: node for node in layers_of(network, "features")}
    found = second_moments(network, list(layers.values()), inputs, 1)
    assert {name: value.shape for name, value in found.items()} == {
        "conv1": (1, 27, 27),
        "conv2": (2, 36, 36),
        "conv3": (2, 54, 54),
        "full": (1, 256, 256),
    }
    for value in found.values():
        np.testing.assert_allclose(value, value.transpose(0, 2, 1))
        assert np.linalg.eigvalsh(value).min() > -1e-6 * np.linalg.eigvalsh(value).max()


def test_layers_with_very_many_inputs_keep_the_nearest(network, inputs, monkeypatch):
    monkeypatch.setattr(rounding, "MOST_INPUTS", 20)
    found = second_moments(network, layers_of(network, "features"), inputs[:1], 1)
    assert "head" in found  # 16 inputs
    assert "stem" not in found  # 27


def test_groups_are_rounded_each_for_its_own_inputs():
    rng = np.random.default_rng(4)
    rows, steps = rng.normal(size=(3, 4, 9)), np.full((3, 4), 0.05)
    seen = [correlated_inputs(inputs=9) * scale for scale in (1.0, 10.0, 0.1)]
    moments, limits = np.stack([x.T @ x for x in seen]), np.full(rows.shape, 127)
    together = round_rows(rows, steps, moments, limits)
    for group in range(3):
        alone = round_one_group(rows[group], steps[group], moments[group], limits[group])
        np.testing.assert_array_equal(together[group], alone)
