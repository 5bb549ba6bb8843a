"""Ranges: what each method takes of values that are known."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from deepbiq.errors import OptionError
from deepbiq_calibration.ranges import METHODS, best_share, collect_ranges
from tests.calibration.conftest import run


def exposed(network, name):
    model = onnx.ModelProto()
    model.CopyFrom(network)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return model


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_stays_within_what_was_seen(network, inputs, method, symmetric):
    names = {"project1.out", "expand1.clip.out"}
    found = collect_ranges(network, names, inputs, method, symmetric=symmetric)
    assert set(found.keys()) == names
    for name in names:
        values = np.concatenate([run(exposed(network, name), images, [name])[0].ravel() for images in inputs])
        low, high = (np.asarray(value).item() for value in found[name].range_value)
        reach = float(np.abs(values).max()) * 1.02  # a histogram's bin
        assert -reach <= low <= 0 < high <= reach


def test_min_max_is_the_least_and_the_largest_value_of_all_inputs(network, inputs):
    name = "project1.out"
    found = collect_ranges(network, {name}, inputs, "minmax", symmetric=False)
    values = np.concatenate([run(exposed(network, name), images, [name])[0].ravel() for images in inputs])
    low, high = found[name].range_value
    assert low.item() == pytest.approx(values.min(), rel=1e-5)
    assert high.item() == pytest.approx(values.max(), rel=1e-5)


def test_nothing_is_printed(network, inputs, capsys):
    for method in METHODS:
        collect_ranges(network, {"stem.out"}, inputs[:1], method, symmetric=False)
    assert capsys.readouterr().out == ""


def test_calibration_on_nothing_is_refused(network):
    with pytest.raises(OptionError, match="no pictures to calibrate on"):
        collect_ranges(network, {"stem.out"}, [], "minmax", symmetric=False)


def test_the_squared_error_keeps_an_even_range_whole():
    edges = np.linspace(-1, 1, 513)
    assert best_share(np.ones(512, np.int64), edges, (-1.0, 1.0), symmetric=True) == pytest.approx(1.0, abs=0.011)


def test_the_squared_error_gives_up_one_value_far_away():
    edges = np.linspace(-100, 100, 4097)
    counts = np.zeros(4096, np.int64)
    counts[2048 - 200 : 2048 + 200] = 1_000_000
    counts[-1] = 1
    assert best_share(counts, edges, (-10.0, 100.0), symmetric=True) < 0.5


def test_a_range_of_nothing_stays():
    assert best_share(np.array([5]), np.array([-1.0, 1.0]), (0.0, 0.0), symmetric=False) == 1.0
