import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepbiq.errors import OptionError
from deepbiq.plans import MAX_CROPS, Plan, parse_plan


@given(st.sampled_from(["random", "grid"]), st.integers(1, MAX_CROPS))
def test_counted_plans_read_back_as_they_print(family, crops):
    assert parse_plan(f"{family}:{crops}") == Plan(family, crops)
    assert str(Plan(family, crops)) == f"{family}:{crops}"


@pytest.mark.parametrize("family", ["dense", "whole"])
def test_plans_without_a_number(family):
    assert parse_plan(family) == Plan(family)
    assert str(parse_plan(family)) == family


@pytest.mark.parametrize(
    "text",
    ["", "densee", "DENSE", "random", "grid", "random:", "random:0", "random:-3", "random:2.5", "random:x",
     "grid:10001",
     "dense:4", "whole:1", "random:25 ", "random:٣", "random:25:25"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_was_given(text):
    with pytest.raises(OptionError, match="plan"):
        parse_plan(text)
