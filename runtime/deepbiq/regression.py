"""The linear SVR at run time: a dot product and a bias, read from npz.

Training (scikit-learn's LinearSVR on standardised features) folds the standardisation into weights and bias,
so that prediction is one affine function of the raw features.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.errors import BundleError


@dataclass(frozen=True, eq=False)
class LinearRegressor:
    """An affine map from features to score points.

    Attributes:
        weights: (D,) float64.
        bias: In score points.
    """

    weights: npt.NDArray[np.float64]
    bias: float

    def predict(self, features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Predicts the score of each feature vector, not clipped.

        Args:
            features: (..., D) floating point.

        Returns:
            (...) float64, in score points.

        Raises:
            ValueError: When D is not what the regressor was trained on.
        """
        if features.shape[-1] != self.weights.size:
            raise ValueError(f"the regressor takes {self.weights.size} features, got {features.shape[-1]}")
        # Not by BLAS: for so little work its threads gain nothing, and they keep a core busy long after it.
        return np.asarray(np.einsum("d,...d->...", self.weights, features) + self.bias, dtype=np.float64)


def regressors_to_npz(heads: Mapping[str, LinearRegressor]) -> bytes:
    """Packs named regressors into the bytes of an npz file: `NAME.weights` and `NAME.bias` for each.

    Weights are stored as float64 so that nothing is lost against scikit-learn.
    """
    arrays: dict[str, npt.NDArray[np.float64]] = {}
    for name, head in heads.items():
        arrays[f"{name}.weights"] = np.asarray(head.weights, dtype=np.float64)
        arrays[f"{name}.bias"] = np.asarray(head.bias, dtype=np.float64)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def regressors_from_npz(data: bytes, *, name: str) -> dict[str, LinearRegressor]:
    """Unpacks what `regressors_to_npz` packed.

    Args:
        data: The npz file's bytes.
        name: What to call the file in errors.

    Raises:
        BundleError: When it is no npz, holds other arrays, or numbers that are not finite.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key], dtype=np.float64) for key in archive.files}
    except Exception as error:
        raise BundleError(f"{name}: not a readable npz file ({error})") from error
    heads = {}
    for key in sorted(arrays):
        head, _, part = key.rpartition(".")
        if part == "bias" and f"{head}.weights" in arrays:
            heads[head] = _checked_head(arrays[f"{head}.weights"], arrays[key], where=f"{name}: {head}")
    if not heads or len(arrays) != 2 * len(heads):
        raise BundleError(f"{name}: expected pairs NAME.weights and NAME.bias, found {sorted(arrays)}")
    return heads


def _checked_head(
    weights: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], *, where: str
) -> LinearRegressor:
    if weights.ndim != 1 or bias.ndim != 0:
        raise BundleError(f"{where}: weights must be a vector and bias a number, got {weights.shape}, {bias.shape}")
    if not (np.isfinite(weights).all() and np.isfinite(bias)):
        raise BundleError(f"{where}: holds NaN or infinite numbers")
    return LinearRegressor(weights, float(bias))
