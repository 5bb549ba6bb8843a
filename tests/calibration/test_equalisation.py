"""Equalisation: the function stays, channels become alike, and nothing is scaled across a ReLU6 or an LRN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbiq_calibration.equalisation import channel_peaks, equalise, find_streams
from tests.calibration.conftest import pictures, run
from tests.calibration.networks import miniature, set_weights, weights_of, with_rectifiers

NETWORKS = {"relu6": miniature(), "relu": with_rectifiers()}


def test_streams_of_a_residual_network():
    """What is added is one stream; ReLU6 ends a stream, so depthwise layers stand in none."""
    found = [set(stream.tensors) for stream in find_streams(NETWORKS["relu6"], "features")]
    assert found == [{"project0.out", "project1.out", "add1.out"}, {"project2.out"}]
    residual = find_streams(NETWORKS["relu6"], "features")[0]
    assert {node.name for node in residual.makers} == {"project0", "project1"}
    assert {node.name for node in residual.takers} == {"expand1", "expand2"}


def test_streams_pass_relu_and_pooling_but_not_lrn():
    found = [set(stream.tensors) for stream in find_streams(NETWORKS["relu"], "features")]
    assert found == [{"conv2.out", "relu2.out", "pool2.out"}, {"conv3.out", "relu3.out"}]


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=20)
@given(data=st.data())
def test_the_function_is_unchanged_whatever_the_peaks(name, data):
    model = NETWORKS[name]
    streams = find_streams(model, "features")
    sizes = weights_of(model)
    peaks = {}
    for stream in streams:
        channels = len(sizes[stream.makers[0].input[1]])
        drawn = data.draw(st.lists(st.floats(0, 1000, width=32), min_size=channels, max_size=channels))
        peaks.update(dict.fromkeys(stream.tensors, np.float32(drawn)))
    image = pictures(1, seed=4)[0][None]
    before, after = run(model, image)[0], run(equalise(model, streams, peaks), image)[0]
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)


def test_uneven_channels_become_alike(inputs):
    """One channel is made a thousand times larger than it need be; equalisation finds that out."""
    model = miniature()
    values = weights_of(model)
    rows, bias, columns = (values[name].copy() for name in ("project2.weight", "project2.bias", "head.weight"))
    rows[3], bias[3], columns[:, 3] = 1000 * rows[3], 1000 * bias[3], columns[:, 3] / 1000
    for name, value in (("project2.weight", rows), ("project2.bias", bias), ("head.weight", columns)):
        set_weights(model, name, value)
    streams = find_streams(model, "features")
    before = channel_peaks(model, streams, inputs, 1)["project2.out"]
    equal = equalise(model, streams, channel_peaks(model, streams, inputs, 1))
    after = channel_peaks(equal, streams, inputs, 1)["project2.out"]
    assert before.max() / np.median(before) > 100
    assert after.max() / np.median(after) < 5
    np.testing.assert_allclose(run(equal, inputs[0])[0], run(model, inputs[0])[0], rtol=1e-3, atol=1e-4)
