from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

from deepbiq.cli.exit_codes import UNUSABLE_MODEL, exit_code_of  # noqa: E402  # after the skip
from deepbiq_export.export_error import ExportError  # noqa: E402
from deepbiq_export.parity import BATCHES, FP32, check_parity  # noqa: E402

SIZES_HW = {(224, 224), (512, 512), (384, 640), (256, 704)}
EXPECTED = 5e-5
"""Share of the largest value: what folding and another library's order of additions cost; TOLERANCE is looser only
because it must hold for networks of any depth."""


EXPECTED_SCORE = 1e-3


def compare(graph, model, regressor, reference):
    return check_parity(graph, reference, regressor, (model.input_size, model.stride), FP32)


def test_the_graph_gives_the_networks_values_in_every_batch_and_size(graph, model, regressor):
    seen = []

    def reference(images):
        seen.append(images.shape)
        return model.reference(images)

    found = compare(graph, model, regressor, reference)
    assert found.features <= EXPECTED
    assert found.score <= EXPECTED_SCORE
    assert {shape[0] for shape in seen} == set(BATCHES)
    assert {shape[1:3] for shape in seen} == SIZES_HW


@pytest.fixture
def refused(model, regressor):
    def check(graph, match, reference=None):
        with pytest.raises(ExportError, match=match) as caught:
            compare(graph, model, regressor, reference or model.reference)
        assert exit_code_of(caught.value) == UNUSABLE_MODEL

    return check


def test_other_weights_are_refused(graph, refused):
    loaded = onnx.load_model_from_string(graph)
    bias = next(item for item in loaded.graph.initializer if item.name.endswith("head.conv.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    refused(loaded.SerializeToString(), "differs from PyTorch")


def test_another_regressor_is_refused(graph, refused):
    loaded = onnx.load_model_from_string(graph)
    (bias,) = (item for item in loaded.graph.initializer if item.name == "score/bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.2), bias.name))
    refused(loaded.SerializeToString(), "differs from PyTorch in score by 0.2")


def test_swapped_colours_are_refused(graph, model, refused):
    refused(graph, "differs from PyTorch", lambda images: model.reference(np.ascontiguousarray(images[..., ::-1])))


def test_another_shape_is_refused(graph, model, refused):
    refused(graph, "expected float32", lambda images: model.reference(images)[:, :-1])


def test_nan_is_refused(graph, model, refused):
    refused(graph, "differs from PyTorch", lambda images: model.reference(images) * np.nan)


def test_a_graph_that_does_not_load_is_refused(graph, refused):
    refused(graph[: len(graph) // 2], "does not run")
