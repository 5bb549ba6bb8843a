import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepbiq.errors import BundleError
from deepbiq.regression import LinearRegressor, regressors_from_npz, regressors_to_npz

vectors = hnp.arrays(np.float64, 6, elements=st.floats(-100, 100))


@given(vectors, st.floats(-100, 100), vectors, vectors, st.floats(0, 1))
def test_prediction_is_affine(weights, bias, a, b, share):
    head = LinearRegressor(weights, bias)
    mixed, first, second = head.predict(np.array([share * a + (1 - share) * b, a, b]))
    assert mixed == pytest.approx(share * first + (1 - share) * second, abs=1e-6)
    assert first == pytest.approx(sum(w * x for w, x in zip(weights, a, strict=True)) + bias, abs=1e-6)


def test_another_number_of_features_is_refused():
    with pytest.raises(ValueError, match="takes 3 features, got 4"):
        LinearRegressor(np.zeros(3), 0.0).predict(np.zeros((2, 4)))


@given(st.dictionaries(st.sampled_from(["prediction", "feature-min", "concat"]), vectors, min_size=1))
def test_npz_keeps_every_bit(heads):
    packed = regressors_to_npz({name: LinearRegressor(weights, 0.1) for name, weights in heads.items()})
    unpacked = regressors_from_npz(packed, name="heads")
    assert unpacked.keys() == heads.keys()
    for name, weights in heads.items():
        np.testing.assert_array_equal(unpacked[name].weights, weights)
        assert unpacked[name].bias == 0.1


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not a readable npz"),
        (b"PK\x03\x04 nonsense", "not a readable npz"),
        (npz(a=np.zeros(3)), "expected pairs"),
        (npz(), "expected pairs"),
        (npz(**{"a.weights": np.zeros(3)}), "expected pairs"),
        (npz(**{"a.weights": np.zeros(3), "a.bias": np.zeros(()), "more": np.zeros(1)}), "expected pairs"),
        (npz(**{"a.weights": np.zeros((3, 1)), "a.bias": np.zeros(())}), "must be a vector"),
        (npz(**{"a.weights": np.full(3, np.nan), "a.bias": np.zeros(())}), "NaN"),
        (npz(**{"a.weights": np.zeros(3), "a.bias": np.float64("inf")}), "NaN or infinite"),
        (npz(**{"a.weights": np.array([object()] * 3), "a.bias": np.zeros(())}), "not a readable npz"),
    ],
)
def test_damaged_files_name_their_fault(data, fault):
    with pytest.raises(BundleError, match=rf"heads\.npz.*{fault}"):
        regressors_from_npz(data, name="heads.npz")


@pytest.mark.parametrize("shape", [(7, 5), (3, 7, 5), (5,)])
def test_leading_axes_are_kept(shape):
    weights, features = np.arange(5.0), np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = LinearRegressor(weights, 2.0).predict(features)
    np.testing.assert_allclose(found, (features * weights).sum(axis=-1) + 2.0, rtol=1e-6)
    assert found.shape == shape[:-1]
    assert found.dtype == np.float64
