"""Latency against crops, megapixels and threads."""

import pytest

from deepbiq.cores import usable_cores
from deepbiq.errors import OptionError
from deepbiq_benchmarks.latency import Conditions, Load
from deepbiq_benchmarks.latency_picture import make_picture
from deepbiq_benchmarks.latency_sweep import Over, measure_sweep, parse_values, situations


@pytest.mark.parametrize(
    ("over", "text", "values"),
    [
        (Over.CROPS, "1,25", (1, 25)),
        (Over.MEGAPIXELS, "0.5, 12", (0.5, 12)),
        (Over.THREADS, "2", (2,)),
    ],
)
def test_values_as_people_write_them(over, text, values):
    assert parse_values(over, text) == values


@pytest.mark.parametrize("over", Over)
@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "one", "1,,2"])
def test_values_that_are_none(over, text):
    with pytest.raises(OptionError, match=f"--at takes .*numbers of {over.value} above 0"):
        parse_values(over, text)


def test_there_are_no_fractions_of_crops():
    with pytest.raises(OptionError, match="whole numbers"):
        parse_values(Over.CROPS, "2.5")


def test_the_usual_values_rise_and_threads_end_at_the_cores():
    for over in Over:
        values = parse_values(over, None)
        assert list(values) == sorted(set(values))
    assert parse_values(Over.THREADS, None)[-1] == usable_cores()


@pytest.mark.parametrize(("plan", "family"), [(None, "random"), ("dense", "random"), ("grid:4", "grid")])
def test_crops_are_counted_in_the_plans_family(plan, family):
    found = situations(Over.CROPS, (1, 5), Conditions(plan=plan), make_picture())
    assert [situation.conditions.plan for situation in found] == [f"{family}:1", f"{family}:5"]


def test_more_crops_than_a_plan_has_are_refused():
    with pytest.raises(OptionError, match="takes 1 to 10000 crops, got 10001"):
        situations(Over.CROPS, (10_001,), Conditions(), make_picture())


@pytest.mark.parametrize(
    ("over", "values", "changes"),
    [
        (Over.CROPS, (2, 3), {"plan": ["random:2", "random:3"], "image_wh": [[512, 512]] * 2}),
        (Over.MEGAPIXELS, (0.01, 0.04), {"plan": ["dense"] * 2, "image_wh": [[100, 100], [200, 200]]}),
        (Over.THREADS, (1, 2), {"threads": [1, 2], "plan": ["dense"] * 2}),
    ],
)
def test_every_point_says_what_it_was(tiny_bundle, over, values, changes):
    points = situations(over, values, Conditions(str(tiny_bundle)), make_picture())
    swept = measure_sweep(over, points, Load(2, 0), 100)
    assert swept["over"] == over.value
    assert [point["value"] for point in swept["points"]] == list(values)
    for key, expected in changes.items():
        assert [point[key] for point in swept["points"]] == expected
    for point in swept["points"]:
        assert point["p50_ms"] <= point["p99_ms"] <= point["max_ms"]
        assert point["disturbed"] is False
