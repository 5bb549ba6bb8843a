"""`bench parity` on the default bundle and the sample photographs, against PyTorch."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="the reference is PyTorch: install deepbiq[export]")
pytest.importorskip("onnx", reason="a difference is planted with onnx: install deepbiq[export]")

import onnx
from typer.testing import CliRunner

from deepbiq.bundle import default_bundle_path, open_bundle, write_bundle
from deepbiq.cli.main import app
from deepbiq.regression import regressors_from_npz

SHIFT = 1.5
CHANNEL = 7


def rows_of(*arguments):
    done = CliRunner().invoke(app, ["bench", "parity", *map(str, arguments), "--format", "json"])
    assert done.exit_code in (0, 1), done.stderr
    result = json.loads(done.stdout)
    return result, {row["precision"]: row for row in result["rows"] if row["engine"] == "onnxruntime"}


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["dense", "random:5", "whole"])
def test_onnx_runtime_computes_what_pytorch_does(samples, plan):
    pictures = [word for path in samples for word in ("--images", path)]
    result, rows = rows_of(*pictures, "--plan", plan, "--engine", "onnxruntime", "--precision", "fp32")
    assert result["reference"]["engine"] == "pytorch"
    assert rows["fp32"]["n"] == len(samples)
    assert rows["fp32"]["shift_max"] <= 0.1
    assert rows["fp32"]["cosine_worst"] > 0.99999
    assert rows["fp32"]["beyond"] == []


def moved(model, name, shift):
    """The graph with `shift` added to one channel of its features."""
    parsed = onnx.load_model_from_string(model)
    for node in parsed.graph.node:
        node.output[:] = ["unmoved" if output == name else output for output in node.output]
    (output,) = (item for item in parsed.graph.output if item.name == name)
    offset = np.zeros((1, output.type.tensor_type.shape.dim[1].dim_value, 1, 1), np.float32)
    offset[0, CHANNEL] = shift
    parsed.graph.initializer.append(onnx.numpy_helper.from_array(offset, "offset"))
    parsed.graph.node.append(onnx.helper.make_node("Add", ["unmoved", "offset"], [name]))
    return parsed.SerializeToString()


@pytest.mark.slow
def test_a_moved_bias_of_the_real_network_is_found(samples, tmp_path):
    shipped = open_bundle(default_bundle_path())
    entry = shipped.manifest["graphs"]["fp32"]
    regressors = shipped.manifest["plans"]["whole"]["regressors"]
    # With one crop every pooling is the identity, so a moved feature moves the score by its weight.
    weight = regressors_from_npz(shipped.read(regressors), name=regressors)["prediction"].weights[CHANNEL]
    planted = moved(shipped.read(entry["file"]), entry["output"], SHIFT / weight)
    manifest = {key: value for key, value in shipped.manifest.items() if key not in ("files", "golden")}
    graphs = {"fp32": entry, "fp16": {**entry, "file": "planted.onnx"}}
    files = {name: shipped.read(name) for name in shipped.files} | {"planted.onnx": planted}
    write_bundle(tmp_path / "planted", {**manifest, "graphs": graphs}, files)
    pictures = [word for path in samples for word in ("--images", path)]
    result, rows = rows_of(tmp_path / "planted", *pictures, "--plan", "whole")
    assert rows["fp32"]["beyond"] == []
    assert rows["fp16"]["shift_mean"] == pytest.approx(SHIFT, abs=0.01)
    assert "shift_mean" in rows["fp16"]["beyond"]
    assert rows["fp16"]["cosine_worst"] < 0.999
    assert not result["within_budget"]
