"""The ladder: what is tried, in which order, until the budget holds.

First what costs nothing when the network runs (ranges, equalisation, rounding, bias correction), then layers left
in float, which cost speed and size: the fewer are needed, the better, so they come after everything that makes
fewer of them necessary. Beyond that only the network itself can change, by quantisation-aware fine-tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import numpy.typing as npt

from deepbiq.budget import Budget, Cost
from deepbiq_calibration.judge import Judge, Sketch
from deepbiq_calibration.ranges import METHODS, Method
from deepbiq_calibration.workshop import Recipe, Workshop

MOST_IN_FLOAT = 0.5
"""Share of the layers: a graph that leaves more of them in float is INT8 by name only."""
GROWTH = 1.5
"""Factor by which more layers are left in float each time: to judge every single one would take hours."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the ladder.

    Attributes:
        name: What was done.
        recipe: How the graph was made.
        graph: The ONNX file's bytes.
        seconds: What making and judging it took.
        costs: On the held-back pictures, by plan; a plan is missing where an earlier one was too costly.
        scores: Of the held-back pictures, by plan, (n,).
        holds: Whether every plan keeps the budget.
        comfortable: Whether it also keeps the share of the budget that is asked for.
        note: What else was found; empty where nothing was.
    """

    name: str
    recipe: Recipe
    graph: bytes
    seconds: float
    costs: Mapping[str, Cost]
    scores: Mapping[str, npt.NDArray[np.float64]]
    holds: bool
    comfortable: bool
    note: str = ""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Everything that steps need.

    Attributes:
        workshop: Makes graphs.
        judge: Judges them on held-back pictures.
        sketch: Compares them on calibration pictures, for choices.
        budget: The bounds.
        headroom: Share of each bound, 0..1, that a step must keep for the climb to end: other pictures cost more or
            less than the held-back ones.
        tell: Called with a line about each step.
    """

    workshop: Workshop
    judge: Judge
    sketch: Sketch
    budget: Budget
    headroom: float
    tell: Callable[[str], None]

    def climb(self, method: Method | None, order: Callable[[Method], Sequence[str]]) -> list[Step]:
        """Climbs until the budget holds comfortably or nothing is left.

        Args:
            method: How ranges are chosen; None takes the best.
            order: Says for a method in which order layers are left in float.

        Returns:
            Every step that was taken; the chosen one is for `best_of` to find.
        """
        taken: list[Step] = []
        for step in self._steps(method, order):
            taken.append(step)
            self.tell(_line(step))
            if step.comfortable:
                break
        return taken

    def _steps(self, method: Method | None, order: Callable[[Method], Sequence[str]]) -> Iterator[Step]:
        start = perf_counter()
        chosen, note = (method, "") if method else self._best_method()
        recipe = Recipe(chosen)
        yield self._step(f"{chosen} ranges", recipe, start, note)
        start = perf_counter()
        if self.workshop.streams:
            recipe, graph, note = self._equalised(recipe)
            yield self._step("cross-layer equalisation", recipe, start, note, graph)
        start = perf_counter()
        recipe = replace(recipe, rounded=True)
        yield self._step("rounding for the output", recipe, start)
        start = perf_counter()
        recipe = replace(recipe, corrected=True)
        yield self._step("bias correction", recipe, start)
        layers = list(order(chosen))
        for count in growing_counts(int(MOST_IN_FLOAT * len(layers))):
            start = perf_counter()
            recipe = replace(recipe, left_in_float=tuple(layers[:count]))
            name = f"{count} layer{'s' if count > 1 else ''} left in float"
            yield self._step(name, recipe, start, ", ".join(layers[:count]))

    def _best_method(self) -> tuple[Method, str]:
        """Takes the ranges that spread scores least on calibration pictures: a common shift can be corrected."""
        spreads = {name: self.sketch.cost(self.workshop.make(Recipe(name))).spread for name in METHODS}
        best = min(METHODS, key=spreads.__getitem__)
        listed = ", ".join(f"{name} {spread:.2f}" for name, spread in spreads.items())
        return best, f"spread of the shift on calibration pictures: {listed}"

    def _equalised(self, recipe: Recipe) -> tuple[Recipe, bytes, str]:
        """Equalises where that brings scores nearer on calibration pictures."""
        plain, equalised = self.workshop.make(recipe), self.workshop.make(replace(recipe, equalised=True))
        before, after = self.sketch.cost(plain).spread, self.sketch.cost(equalised).spread
        told = f"spread of the shift on calibration pictures {before:.2f} before, {after:.2f} after"
        if after < before:
            return replace(recipe, equalised=True), equalised, told
        return recipe, plain, f"{told}: not kept"

    def _step(self, name: str, recipe: Recipe, start: float, note: str = "", graph: bytes | None = None) -> Step:
        made = self.workshop.make(recipe) if graph is None else graph
        found = self.judge.costs(made, self.budget)
        costs = {plan: cost for plan, (cost, _) in found.items()}
        comfort = self.budget.part(self.headroom)
        complete = len(costs) == len(self.judge.plans)
        return Step(
            name,
            recipe,
            made,
            perf_counter() - start,
            costs,
            {plan: scores for plan, (_, scores) in found.items()},
            holds=complete and not any(cost.beyond(self.budget) for cost in costs.values()),
            comfortable=complete and not any(cost.beyond(comfort) for cost in costs.values()),
            note=note,
        )


def growing_counts(most: int) -> list[int]:
    """Lists 1, 2, 3, 4, 6, 9, 14 ... up to `most`."""
    counts: list[int] = []
    count = 1
    while count <= most:
        counts.append(count)
        count = max(count + 1, round(count * GROWTH))
    return counts


def best_of(steps: Sequence[Step]) -> Step | None:
    """Picks what is handed over: the last comfortable step, else the last that holds; None where none does."""
    for wanted in ("comfortable", "holds"):
        held = [step for step in steps if getattr(step, wanted)]
        if held:
            return held[-1]
    return None


def _line(step: Step) -> str:
    told = "; ".join(
        f"{plan}: shift {cost.shift:.2f}, flips {cost.flips:.1f} %"
        + ("" if cost.srocc_drop is None else f", SROCC drop {cost.srocc_drop:+.4f}")
        for plan, cost in step.costs.items()
    )
    state = "holds" if step.comfortable else "holds, without room" if step.holds else "too costly"
    return f"{step.name}: {told}: {state} ({step.seconds:.0f} s)"
