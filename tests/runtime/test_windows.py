import numpy as np
import pytest
from deepbiq.windows import window_means
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def by_hand(cells, window):
    """The definition: one window after the other."""
    rows, columns = cells.shape[-2] - window + 1, cells.shape[-1] - window + 1
    means = np.empty((*cells.shape[:-2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            means[..., i, j] = cells[..., i : i + window, j : j + window].mean(axis=(-2, -1), dtype=np.float64)
    return means


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
               elements=st.floats(-1e4, 1e4, width=32)),
    st.integers(1, 9),
)  # fmt: skip
def test_equals_the_definition(cells, window):
    if window > min(cells.shape[1:]):
        with pytest.raises(ValueError, match="does not fit"):
            window_means(cells, window)
    else:
        np.testing.assert_allclose(window_means(cells, window), by_hand(cells, window), atol=1e-9)


def test_one_window_over_everything_is_the_mean():
    cells = np.random.default_rng(0).random((5, 7, 7))
    np.testing.assert_allclose(window_means(cells, 7)[:, 0, 0], cells.mean(axis=(1, 2)))


def test_single_cells_are_themselves():
    cells = np.random.default_rng(0).random((4, 6))
    np.testing.assert_allclose(window_means(cells, 1), cells)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        window_means(np.zeros((4, 4)), 0)
