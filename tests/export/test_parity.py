from __future__ import annotations

import dataclasses

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

from deepbiq.cli.exit_codes import UNUSABLE_MODEL, exit_code_of  # noqa: E402  # after the skip
from deepbiq_export.export_error import ExportError  # noqa: E402
from deepbiq_export.parity import BATCHES, check_parity  # noqa: E402

SIZES_HW = {(224, 224), (512, 512), (384, 640), (256, 704)}
EXPECTED = 5e-5
"""Share of the largest value: what folding and another library's order of additions cost; TOLERANCE is looser only
because it must hold for networks of any depth."""


def test_the_graph_gives_the_networks_values_in_every_batch_and_size(graph, model):
    seen = []

    def reference(images):
        seen.append(images.shape)
        return model.reference(images)

    assert check_parity(graph, dataclasses.replace(model, reference=reference)) <= EXPECTED
    assert {shape[0] for shape in seen} == set(BATCHES)
    assert {shape[1:3] for shape in seen} == SIZES_HW


def refused(graph, model, match, reference=None):
    with pytest.raises(ExportError, match=match) as caught:
        check_parity(graph, dataclasses.replace(model, reference=reference or model.reference))
    assert exit_code_of(caught.value) == UNUSABLE_MODEL


def test_other_weights_are_refused(graph, model):
    loaded = onnx.load_model_from_string(graph)
    bias = next(item for item in loaded.graph.initializer if item.name.endswith("head.conv.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    refused(loaded.SerializeToString(), model, "differs from PyTorch")


def test_swapped_colours_are_refused(graph, model):
    refused(
        graph,
        model,
        "differs from PyTorch",
        lambda images: model.reference(np.ascontiguousarray(images[..., ::-1])),
    )


def test_another_shape_is_refused(graph, model):
    refused(graph, model, "expected float32", lambda images: model.reference(images)[:, :-1])


def test_nan_is_refused(graph, model):
    refused(graph, model, "differs from PyTorch", lambda images: model.reference(images) * np.nan)


def test_a_graph_that_does_not_load_is_refused(graph, model):
    refused(graph[: len(graph) // 2], model, "does not run")
