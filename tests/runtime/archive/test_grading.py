import os

import numpy as np
import pytest

import deepbiq
from deepbiq.archive.grading import preparation_of, row_of, yardstick_of
from deepbiq.archive.preparing import Prepared, prepare
from deepbiq.archive.row import Facts, Listed, Yardstick
from deepbiq.errors import EngineError


def test_rows_have_the_scores_of_single_calls(samples):
    with deepbiq.load() as scorer:
        for path in samples[:3]:
            result = scorer(path)
            row = row_of(str(path), prepare(Listed(str(path)), preparation_of(scorer)), scorer)
            assert (row.score, row.label, row.spread) == (result.score, result.label, result.spread)
            assert (row.path, row.engine, row.error) == (str(path), result.engine, None)
            assert row.facts.size == os.path.getsize(path)
            assert row.yardstick == yardstick_of(scorer)


@pytest.mark.parametrize(("scale", "short_side"), [("auto", 256), ("native", None), ("100", 100)])
def test_the_yardstick_and_the_preparation_of_a_scorer(tiny_bundle, scale, short_side):
    with deepbiq.load(tiny_bundle, plan="grid:4", scale=scale) as scorer:
        assert preparation_of(scorer).short_side == short_side
        assert yardstick_of(scorer) == Yardstick(
            scorer.bundle.model_id, "grid:4", "prediction-avg", str(short_side or "native"), "fp32"
        )


def test_what_was_not_prepared_keeps_its_error(tiny_bundle):
    facts = Facts(3, 4)
    with deepbiq.load(tiny_bundle) as scorer:
        row = row_of("/x.jpg", Prepared(facts, error="it is a pipe, not a file"), scorer)
    assert (row.error, row.facts, row.score, row.label, row.spread) == (
        "it is a pipe, not a file", facts, None, None, None,
    )  # fmt: skip


def test_an_engine_that_fails_is_no_fault_of_the_picture(tiny_bundle):
    scorer = deepbiq.load(tiny_bundle)
    scorer.close()
    with pytest.raises(EngineError, match="closed"):
        row_of("/x.jpg", Prepared(Facts(), np.zeros((100, 100, 3), np.uint8)), scorer)
