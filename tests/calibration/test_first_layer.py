"""Four pixels at a time: every bit as before, and only where the layer is of the kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import checker

from deepbiq_calibration.first_layer import PIXELS, take_four_pixels
from deepbiq_calibration.flavours import quantise, tensors_to_range
from deepbiq_calibration.ranges import collect_ranges
from tests.calibration.conftest import run
from tests.calibration.networks import DEPTH, Builder, miniature, with_rectifiers

RANDOM = np.random.default_rng(0)


def quantised(model, left_in_float=()):
    picture = RANDOM.integers(0, 256, (1, 64, 64, 3), np.uint8)
    ranges = collect_ranges(model, tensors_to_range(model, "features"), [picture], "minmax", symmetric=False)
    return quantise(model, "features", "cpu", ranges, left_in_float)


def network(width, pads, *, height=3, stride=2):
    """A first layer of any width and padding, and a second one."""
    build = Builder(1)
    weights = build.rng.normal(0, 1 / 200, (8, 3, height, width)).astype(np.float32)
    bias = build.constant("stem.bias", build.rng.uniform(-0.2, 0.4, 8).astype(np.float32))
    stem = build.node(
        "Conv", [build.pixels(), build.constant("stem.weight", weights), bias], "stem",
        kernel_shape=[height, width], strides=[stride, stride], pads=[1, pads[0], 1, pads[1]],
    )  # fmt: skip
    head = build.conv(build.relu6(stem, "stem.clip"), "head", 8, DEPTH, side=3, stride=2)
    return build.model(build.relu6(head, "head.clip"))


@settings(max_examples=25)
@given(
    width=st.integers(1, 7),
    left=st.integers(0, 4),
    right=st.integers(0, 4),
    height=st.integers(1, 4),
    rows=st.integers(2, 9),
    groups=st.integers(2, 5),
    batch=st.integers(1, 2),
)
def test_values_stay_the_same_to_the_last_bit(width, left, right, height, rows, groups, batch):
    assume((left + right - width) // 2 == -1)
    plain = quantised(network(width, (left, right), height=height))
    wide = take_four_pixels(plain, PIXELS)
    checker.check_model(wide, full_check=True)
    assert first_weights(wide).dims[:2] == [16, 12]
    pictures = RANDOM.integers(0, 256, (batch, 2 * rows, PIXELS * groups, 3), np.uint8)
    np.testing.assert_array_equal(run(wide, pictures)[0], run(plain, pictures)[0])
    unfused = run(wide, pictures, fused=False)[0], run(plain, pictures, fused=False)[0]
    np.testing.assert_allclose(*unfused, rtol=0, atol=1e-5)


def first_weights(model):
    """The stored weights of the layer that is nearest to the picture."""
    return next(item for item in model.graph.initializer if item.name == "stem.weight_quantized")


def test_the_network_that_was_given_is_left_as_it_was():
    plain = quantised(miniature())
    before = plain.SerializeToString()
    assert take_four_pixels(plain, 8).SerializeToString() != before
    assert plain.SerializeToString() == before


@pytest.mark.parametrize(
    ("model", "left_in_float", "sides"),
    [
        pytest.param(miniature(), (), 2, id="sides that are no multiples of four"),
        pytest.param(miniature(), ("stem",), 8, id="a first layer in float"),
        pytest.param(network(3, (1, 1), stride=1), (), 8, id="stride one"),
        pytest.param(network(3, (0, 0)), (), 8, id="fewer outputs than pairs of pixels"),
        pytest.param(network(3, (2, 2)), (), 8, id="more outputs than pairs of pixels"),
    ],
)
def test_any_other_first_layer_is_left_alone(model, left_in_float, sides):
    plain = quantised(model, left_in_float)
    assert take_four_pixels(plain, sides).SerializeToString() == plain.SerializeToString()


def test_it_is_enough_that_the_first_layer_is_of_the_kind():
    plain = quantised(with_rectifiers())
    wide = take_four_pixels(plain, 8)
    pictures = RANDOM.integers(0, 256, (1, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(run(wide, pictures)[0], run(plain, pictures)[0])
    assert wide.SerializeToString() != plain.SerializeToString()
