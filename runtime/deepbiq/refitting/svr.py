"""The linear SVR with squared loss, and its sister for pairs: exact, in NumPy.

Both make `|w|^2 / 2 + C * sum of losses` smallest over w. The loss of a row is the square of what its value `w @
row` lacks: to come within epsilon of its target (squared epsilon-insensitive loss: LIBLINEAR's solvers 11 and 12,
Ho and Lin, "Large-scale linear support vector regression", JMLR 13, 2012), or to reach a margin (squared hinge loss
on differences of pairs: Chapelle and Keerthi, "Efficient algorithms for ranking with SVMs", Information Retrieval
13, 2010). Rows that lack nothing are idle; for the others, the active ones, the problem is a system of linear
equations.

Newton's method solves that system, goes to the smallest value on the way to its solution, and looks again which
rows are active, until nothing changes: the finite Newton method of Keerthi and DeCoste ("A modified finite Newton
method for fast solution of large scale linear SVMs", JMLR 6, 2005). The system has as many unknowns as there are
rows or columns, whichever are fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepbiq.refitting.refusal import RefusalError

Vector = npt.NDArray[np.float64]
"""(N,) or (D,) float64."""

PRECISION = 1e-12
"""Share of the smallest value that the value at the end may lie above it."""
_MOST_STEPS = 200
_HALVINGS = 60


class Loss(Protocol):
    """What rows cost by their values."""

    def active(self, values: Vector) -> tuple[npt.NDArray[np.bool_], Vector]:
        """Says which rows cost something, and the value that each is missing.

        Args:
            values: (N,) one per row.

        Returns:
            (N,) whether the row is active, and (N,) the target: an active row costs its squared distance from it.
        """


@dataclass(frozen=True, eq=False)
class TubeLoss:
    """Squared epsilon-insensitive loss.

    Attributes:
        targets: (N,) what the values should be.
        epsilon: Distance from a target that costs nothing, at least 0.
    """

    targets: Vector
    epsilon: float

    def active(self, values: Vector) -> tuple[npt.NDArray[np.bool_], Vector]:
        """See `Loss`."""
        over = values - self.targets
        return np.abs(over) > self.epsilon, self.targets + self.epsilon * np.sign(over)


@dataclass(frozen=True, eq=False)
class MarginLoss:
    """Squared hinge loss.

    Attributes:
        margins: (N,) what the values should at least be.
    """

    margins: Vector

    def active(self, values: Vector) -> tuple[npt.NDArray[np.bool_], Vector]:
        """See `Loss`."""
        return values < self.margins, self.margins


class LinearProblem:
    """The problem for some rows, to be solved for many losses and C.

    Args:
        rows: (N, D) float64, N and D at least 1.
    """

    def __init__(self, rows: npt.NDArray[np.float64]) -> None:
        self._rows = rows
        self._few_rows = rows.shape[0] <= rows.shape[1]

    def solve(self, loss: Loss, c: float) -> Vector:
        """Returns the (D,) weights.

        Args:
            loss: Of the rows.
            c: Weight of the loss against half the squared length of the weights, above 0.

        Raises:
            RefusalError: When numbers are so far apart that float64 does not reach the solution.
        """
        # Where there are fewer rows than columns, w is a combination of rows and `place` holds its coefficients.
        place = np.zeros(self._rows.shape[0] if self._few_rows else self._rows.shape[1])
        values = np.zeros(len(self._rows))
        for _ in range(_MOST_STEPS):
            active, targets = loss.active(values)
            pull = np.where(active, 2 * c * (values - targets), 0.0)
            length = self._squared_length(place, values)
            lacking = np.where(active, values - targets, 0.0)
            # The objective is strongly convex: it lies above the optimum by half the squared gradient at most.
            if self._squared_gradient(place, pull) <= PRECISION * (length + 2 * c * float(lacking @ lacking)):
                return np.asarray(self._rows.T @ place if self._few_rows else place)
            aim = self._aim(active, targets, c)
            aim_values = self._values(aim)
            share = self._best_share(loss, c, (place, values), (aim, aim_values))
            place = place + share * (aim - place)
            values = values + share * (aim_values - values)
        raise RefusalError(f"the regressor does not converge with C = {c:g}: are the ratings or features extreme?")

    @cached_property
    def _products(self) -> npt.NDArray[np.float64]:
        """All rows' inner products where rows are few, all columns' otherwise."""
        return np.asarray(self._rows @ self._rows.T if self._few_rows else self._rows.T @ self._rows)

    def _values(self, place: Vector) -> Vector:
        return self._products @ place if self._few_rows else self._rows @ place

    def _squared_length(self, place: Vector, values: Vector) -> float:
        return float(place @ values) if self._few_rows else float(place @ place)

    def _squared_gradient(self, place: Vector, pull: Vector) -> float:
        if self._few_rows:
            combined = place + pull
            return float(combined @ self._products @ combined)
        gradient = place + self._rows.T @ pull
        return float(gradient @ gradient)

    def _aim(self, active: npt.NDArray[np.bool_], targets: Vector, c: float) -> Vector:
        """Solves the linear system of the active rows."""
        if self._few_rows:
            aim = np.zeros(len(active))
            chosen = np.flatnonzero(active)
            aim[chosen] = _solve(self._products[np.ix_(chosen, chosen)], targets[chosen], c)
            return aim
        products = self._products
        if not active.all():
            idle = self._rows[~active]
            products = products - idle.T @ idle
        return _solve(products, self._rows[active].T @ targets[active], c)

    def _best_share(self, loss: Loss, c: float, start: tuple[Vector, Vector], end: tuple[Vector, Vector]) -> float:
        """Finds how far to go from start to end, places with their values, for the smallest objective: 0..1."""
        (place, values), (end_place, end_values) = start, end
        way, way_values = end_place - place, end_values - values
        slope_at_start = float(way @ values) if self._few_rows else float(way @ place)
        squared_way = self._squared_length(way, way_values)

        def slope(share: float) -> float:
            here = values + share * way_values
            active, targets = loss.active(here)
            pull = np.where(active, here - targets, 0.0)
            return slope_at_start + share * squared_way + 2 * c * float(pull @ way_values)

        # Where the active rows stay the same the end is the optimum, up to rounding.
        if slope(1.0) <= -PRECISION * slope(0.0):
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if slope(middle) < 0 else (low, middle)
        return high


def _solve(products: npt.NDArray[np.float64], right: Vector, c: float) -> Vector:
    regularised = products.copy()
    regularised[np.diag_indices_from(regularised)] += 1 / (2 * c)
    return np.asarray(np.linalg.solve(regularised, right))
