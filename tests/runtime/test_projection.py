import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deepbiq.pooling import POOLINGS, head_of
from deepbiq.projection import projection_of
from deepbiq.regression import LinearRegressor

DEPTH = 6
numbers = arrays(np.float64, (DEPTH,), elements=st.floats(-50, 50, width=32))
heads = st.fixed_dictionaries(
    {name: st.builds(LinearRegressor, numbers, st.floats(-50, 50)) for name in ("prediction", "feature-avg")}
)


@given(heads, arrays(np.float64, (4, 3, DEPTH), elements=st.floats(0, 6, width=32)))
@pytest.mark.parametrize("pooling", ["feature-avg", "prediction-avg", "prediction-min", "prediction-max"])
def test_regressors_of_projections_say_what_those_of_features_do(pooling, heads, features):
    projection = projection_of(heads, pooling)
    assert sorted(projection.heads) == sorted({"prediction", head_of(pooling)})
    projections = features @ projection.weights.T.astype(np.float64)
    for name, head in projection.heads.items():
        np.testing.assert_allclose(head.predict(projections), heads[name].predict(features), atol=1e-9)


@pytest.mark.parametrize("pooling", ["feature-min", "feature-max", "concat"])
def test_poolings_that_compare_features_have_no_projection(pooling):
    every = dict.fromkeys(("prediction", *POOLINGS), LinearRegressor(np.ones(DEPTH), 0.0))
    assert projection_of(every, pooling) is None
