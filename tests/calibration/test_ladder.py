"""Sensitivity and the ladder: the bad layer is found, and the climb ends where it should."""

from __future__ import annotations

import numpy as np
import pytest

from deepbiq.budget import Budget, Cost
from deepbiq.bundle import open_bundle
from deepbiq_calibration.inputs import CROPS, calibration_inputs
from deepbiq_calibration.judge import Sketch
from deepbiq_calibration.ladder import Ladder, Step, best_of, growing_counts
from deepbiq_calibration.pictures import Draw, Source, read_pictures
from deepbiq_calibration.sensitivity import costliest_first, measure_layers
from deepbiq_calibration.trial import samples_of
from deepbiq_calibration.workshop import Recipe, Workshop
from tests.calibration.conftest import write_miniature
from tests.calibration.networks import STRIDE, with_one_bad_layer


@pytest.fixture(scope="module")
def drawn(rated):
    pictures = read_pictures(Source(rated.folder))
    return Draw(rated.folder, tuple(pictures[:24]), tuple(pictures[24:]), 0)


@pytest.mark.parametrize("flavour", ["cpu", "tensorrt"])
def test_a_planted_bad_layer_costs_most(tmp_path, inputs, drawn, flavour):
    model = with_one_bad_layer("project1")
    bundle = open_bundle(write_miniature(tmp_path / "bad", model))
    workshop = Workshop(model, "features", flavour, inputs, 1, sides=STRIDE)
    sketch = Sketch(bundle, f"int8-{flavour}", "dense", drawn, 12, rated=True, threads=1)
    advanced = []
    costs = measure_layers(
        workshop.layers,
        lambda layer: workshop.make_of_one(layer, "minmax"),
        lambda made: sketch.cost(made.SerializeToString()),
        lambda: advanced.append(1),
    )
    assert [item.layer for item in costs] == workshop.layers
    assert len(advanced) == len(costs)
    assert costliest_first(costs)[0] == "project1"
    found = {item.layer: item.cost.spread for item in costs}
    assert found["project1"] > 5 * sorted(found.values())[-2]


def test_leaving_the_bad_layer_in_float_mends_the_scores(tmp_path, inputs, drawn):
    model = with_one_bad_layer("project1")
    bundle = open_bundle(write_miniature(tmp_path / "bad", model))
    workshop = Workshop(model, "features", "cpu", inputs, 1, sides=STRIDE)
    sketch = Sketch(bundle, "int8-cpu", "dense", drawn, 12, rated=True, threads=1)
    corrected = Recipe("minmax", corrected=True)
    bad = sketch.cost(workshop.make(corrected))
    mended = sketch.cost(workshop.make(Recipe("minmax", corrected=True, left_in_float=("project1",))))
    assert mended.shift < 0.2 * bad.shift


def test_the_same_recipe_gives_the_same_bytes(network, inputs):
    made = [
        Workshop(network, "features", flavour, inputs, 1, sides=STRIDE).make(
            Recipe("minmax", rounded=True, corrected=True)
        )
        for flavour in ("cpu", "tensorrt")
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert made[2] == made[3]


class FakeWorkshop:
    """Records the recipes; the ladder is what is tested."""

    layers = ["a", "b", "c", "d", "e", "f"]  # noqa: RUF012  # never changed
    streams = ["one"]  # noqa: RUF012

    def __init__(self):
        self.made = []

    def make(self, recipe):
        self.made.append(recipe)
        return repr(recipe).encode()


class CostsByRecipe:
    """Judges and sketches by a table: what the ladder is told."""

    plans = ("dense", "whole")

    def __init__(self, flips):
        self.flips = flips

    def cost(self, graph):
        # Equalisation helps here; of the ranges, percentile's are best.
        return cost(shift=1.0 - 0.1 * (b"equalised=True" in graph) - 0.2 * (b"'percentile'" in graph))

    def costs(self, graph, budget):
        found = {}
        for plan in self.plans:
            found[plan] = (cost(plan, flips=self.flips(graph)), np.zeros(3))
            if found[plan][0].beyond(budget):
                break
        return found


def cost(plan="dense", shift=0.0, flips=0.0):
    return Cost(plan, 3, 0.0, 0.0, 0.0, shift, shift, shift, flips)


def climb(flips, method="minmax"):
    workshop, court, told = FakeWorkshop(), CostsByRecipe(flips), []
    ladder = Ladder(workshop, court, court, Budget(), 0.8, told.append)
    steps = ladder.climb(method, lambda _: ["c", "a", "b", "d", "e", "f"])
    assert len(told) == len(steps)
    return steps


def test_the_first_step_that_holds_ends_the_climb():
    steps = climb(lambda _: 0.0)
    assert [step.name for step in steps] == ["minmax ranges"]
    assert best_of(steps) is steps[0]


def test_steps_come_in_order_and_layers_costliest_first():
    steps = climb(lambda _: 9.0)
    assert [step.name for step in steps] == [
        "minmax ranges",
        "cross-layer equalisation",
        "rounding for the output",
        "bias correction",
        "1 layer left in float",
        "2 layers left in float",
        "3 layers left in float",
    ]
    assert [step.recipe.left_in_float for step in steps[4:]] == [("c",), ("c", "a"), ("c", "a", "b")]
    assert steps[1].recipe.equalised
    assert steps[2].recipe.rounded
    assert not steps[2].recipe.corrected
    assert steps[3].recipe.corrected
    # A plan that is too costly ends the judgement.
    assert all(list(step.costs) == ["dense"] for step in steps)
    assert best_of(steps) is None


def test_the_climb_goes_on_where_a_bound_is_held_without_room():
    steps = climb(lambda graph: 1.0 if b"'c', 'a'" in graph else 1.9 if b"corrected=True" in graph else 3.0)
    assert [(step.holds, step.comfortable) for step in steps] == [
        (False, False),
        (False, False),
        (False, False),
        (True, False),
        (True, False),
        (True, True),
    ]
    assert best_of(steps) is steps[-1]
    assert best_of(steps[:5]) is steps[4]


def test_the_best_ranges_are_those_that_move_scores_least():
    steps = climb(lambda _: 0.0, method=None)
    assert steps[0].name == "percentile ranges"
    assert "minmax 1.00" in steps[0].note


def test_counts_grow_and_end():
    assert growing_counts(1) == [1]
    assert growing_counts(0) == []
    assert growing_counts(24) == [1, 2, 3, 4, 6, 9, 14, 21]


def test_inputs_hold_the_first_plan_of_every_picture_and_the_others_in_turn(rated, tmp_path, network, drawn):
    bundle = open_bundle(write_miniature(tmp_path / "one", network))
    plans = ("dense", "random:25", "whole")
    samples = {plan: samples_of(bundle, plan, drawn.calibration[:4], 1) for plan in plans}
    found = calibration_inputs(samples)
    dense, crops, whole = (1, 64, 64, 3), (CROPS, 32, 32, 3), (1, 32, 32, 3)
    assert [images.shape for images in found] == [dense, crops, dense, whole, dense, crops, dense, whole]
    np.testing.assert_array_equal(found[2], samples["dense"][1].images)
    np.testing.assert_array_equal(found[3], samples["whole"][1].images)
    # What scoring feeds the network, byte for byte.
    assert (found[1][0] == samples["random:25"][0].images[0]).all()


def test_a_step_tells_what_it_is():
    step = Step("x", Recipe("minmax"), b"1234", 1.0, {}, {}, holds=False, comfortable=False)
    assert best_of([step]) is None
