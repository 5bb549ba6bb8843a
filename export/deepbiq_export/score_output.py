"""The output `score`: window pooling and the SVR inside the graph, so that any ONNX program can score.

The graph then goes from a picture to its score of the `dense` plan with the bundle's default pooling. The added
nodes are few and small, stay in FP32 whatever the precision of the network before them, and their names begin with
`SCORE_SCOPE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.pooling import head_of
from deepbiq.regression import LinearRegressor, regressors_from_npz
from deepbiq_export.export_error import ExportError

SCORE = "score"
SCORE_SCOPE = "score/"
SCORE_OPERATORS = ("GlobalAveragePool", "Conv", "Clip", "Reshape")
_PLAN = "dense"


def dense_regressor(plans: Mapping[str, Mapping[str, Any]], regressors: Mapping[str, bytes]) -> LinearRegressor:
    """Takes the regressor of the `dense` plan's default pooling out of a trained model.

    Average feature pooling and average prediction pooling are the same function of a linear regressor: the
    prediction of the average feature vector.

    Args:
        plans: The manifest's `plans`.
        regressors: npz bytes by path inside the bundle.

    Raises:
        ExportError: When the default pooling is no average: no such bundle is trained.
    """
    pooling, file = plans[_PLAN]["pooling"], plans[_PLAN]["regressors"]
    if pooling not in ("feature-avg", "prediction-avg"):
        raise ExportError(f"the default pooling of {_PLAN} is {pooling}: only averages become part of a graph")
    return regressors_from_npz(regressors[file], name=file)[head_of(pooling)]


def add_score(graph: bytes, features: str, regressor: LinearRegressor) -> bytes:
    """Adds the output `score`, (batch,) float32, 0..100, before the graph's other outputs.

    Args:
        graph: An ONNX file with an output of window features, (batch, D, rows, columns) float32.
        features: That output's name.
        regressor: The SVR on the features averaged over all windows.

    Returns:
        The ONNX file with two outputs.
    """
    model = onnx.load_model_from_string(graph)
    constants = {
        "weight": regressor.weights.astype(np.float32)[None, :, None, None],
        "bias": np.array([regressor.bias], dtype=np.float32),
        "min": np.float32(SCORE_MIN),
        "max": np.float32(SCORE_MAX),
        "shape": np.array([-1], dtype=np.int64),
    }
    inside = {key: f"{SCORE_SCOPE}{key}" for key in (*constants, "pooled", "raw", "clipped")}
    inputs = (
        (features,),
        (inside["pooled"], inside["weight"], inside["bias"]),
        (inside["raw"], inside["min"], inside["max"]),
        (inside["clipped"], inside["shape"]),
    )
    outputs = (inside["pooled"], inside["raw"], inside["clipped"], SCORE)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), inside[key]) for key, value in constants.items()
    )
    model.graph.node.extend(
        helper.make_node(operator, list(taken), [given], name=f"{SCORE_SCOPE}{operator}")
        for operator, taken, given in zip(SCORE_OPERATORS, inputs, outputs, strict=True)
    )
    model.graph.output.insert(0, helper.make_tensor_value_info(SCORE, onnx.TensorProto.FLOAT, ["batch"]))
    return bytes(model.SerializeToString(deterministic=True))
