from __future__ import annotations

import json

import numpy as np
import pytest

import deepbiq
from deepbiq.bundle import open_bundle
from deepbiq.configuration import Configuration
from deepbiq.cores import usable_cores
from deepbiq.plans import parse_plan
from deepbiq.setting import settle
from deepbiq.tuning.candidates import NOT_PROVEN
from deepbiq.tuning.store import load_trials, save_trials
from deepbiq.tuning.trials import Trial
from deepbiq.tuning.tune import tune_bundle
from tests.runtime.tuning.conftest import write_with_int8

PICTURE = np.full((100, 100, 3), 51, np.uint8)


def tuned(bundle, setting):
    return tune_bundle(bundle, setting, seconds=0, advance=lambda: None)[0]


def test_every_configuration_is_tried_and_timed(opened):
    trials = tuned(*opened)
    assert {trial.configuration.precision for trial in trials} == {"fp32", "int8"}
    assert {trial.configuration.threads for trial in trials} >= {1, usable_cores()}
    assert all(trial.fault is None and trial.ms > 0 for trial in trials)


def test_the_choice_is_what_scorers_take(opened, int8_bundle):
    save_trials(*opened, [Trial(Configuration("onnxruntime", "fp32", 1), 5.0)])
    with deepbiq.load(int8_bundle) as scorer:
        assert (scorer.engine.precision, scorer.engine.workers) == ("fp32", 1)
    with deepbiq.load(int8_bundle, precision="int8") as scorer:  # asked for, and never timed
        assert scorer.engine.precision == "int8"
    with deepbiq.load(int8_bundle, threads=2) as scorer:
        assert scorer.engine.workers == 2


def test_a_fast_graph_with_wrong_scores_is_never_chosen(tiny_bundle):
    bundle = open_bundle(write_with_int8(tiny_bundle, expected=23.0))
    setting = settle(bundle, None, None, "auto")
    trials = tuned(bundle, setting)
    faults = {t.configuration.precision: t.fault for t in trials}
    assert faults["fp32"] is None
    assert "golden/flat.png with plan dense scores 20.00, not 23.00" in faults["int8"]
    with deepbiq.load(tiny_bundle) as scorer:
        assert scorer.engine.precision == "fp32"


@pytest.mark.parametrize("plan", ["whole", "grid:25", "random:9"])
def test_int8_is_not_tried_where_its_calibration_proves_nothing(int8_bundle, plan):
    bundle = open_bundle(int8_bundle)
    setting = settle(bundle, parse_plan(plan), None, "auto")
    refused = [trial for trial in tuned(bundle, setting) if trial.configuration.precision == "int8"]
    assert {trial.fault for trial in refused} == {NOT_PROVEN}
    with deepbiq.load(int8_bundle, plan=plan) as scorer:
        assert scorer.engine.precision == "fp32"


def test_int8_is_not_taken_for_a_pooling_that_nobody_calibrated(int8_bundle):
    with deepbiq.load(int8_bundle, plan="random:25") as scorer:
        assert scorer.engine.precision == "int8"
    with deepbiq.load(int8_bundle, plan="random:25", pool="feature-max") as scorer:
        assert scorer.engine.precision == "fp32"


def test_without_golden_pictures_nothing_is_chosen(run, tiny_bundle, cache):
    code, stdout, _ = run("tune", tiny_bundle, "--seconds", 0)
    assert code == 4
    assert "no golden scores of fp32" in stdout
    assert "->" not in stdout


def test_losing_the_cache_costs_nothing_but_time(opened, int8_bundle, cache):
    with deepbiq.load(int8_bundle) as scorer:
        before = scorer(PICTURE)
    trials = tuned(*opened)
    (file,) = (cache / "tuning").iterdir()
    file.unlink()
    with deepbiq.load(int8_bundle) as scorer:
        after = scorer(PICTURE)
    assert (before.score, before.engine, before.precision) == (after.score, after.engine, after.precision)
    assert load_trials(*opened) == []
    assert [t.configuration for t in tuned(*opened)] == [t.configuration for t in trials]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: b"[]",
        lambda text: b"null",
        lambda text: text.replace(b'"schema": 1', b'"schema": 2'),
        lambda text: text.replace(b'"cores": ', b'"cores": 9'),
        lambda text: text.replace(b'"threads": 1', b'"threads": "1"'),
        lambda text: text.replace(b'"ms": ', b'"ms": "fast", "was": '),
        lambda text: b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_as_none(opened, int8_bundle, damage):
    file = save_trials(*opened, [Trial(Configuration("onnxruntime", "fp32", 1), 5.0)])
    assert load_trials(*opened) != []
    file.write_bytes(damage(file.read_bytes()))
    assert load_trials(*opened) == []
    with deepbiq.load(int8_bundle) as scorer:
        assert scorer.engine.precision == "int8"


def test_what_was_tuned_for_one_plan_is_not_taken_for_another(opened, int8_bundle):
    save_trials(*opened, [Trial(Configuration("onnxruntime", "fp32", 1), 5.0)])
    with deepbiq.load(int8_bundle, plan="random:25") as scorer:
        assert scorer.engine.precision == "int8"


def test_an_engine_that_is_gone_is_named_and_another_is_taken(opened, int8_bundle, caplog):
    save_trials(*opened, [Trial(Configuration("tensorrt", "fp32", None), 1.0)])
    with deepbiq.load(int8_bundle) as scorer:
        assert scorer.engine.name == "onnxruntime"
    assert "tune again" in caplog.text


def test_a_cache_that_cannot_be_written_is_an_error_that_says_so(run, int8_bundle, cache):
    cache.write_text("a file where the folder should be")
    code, stdout, stderr = run("tune", int8_bundle, "--seconds", 0)
    assert code == 2
    assert "DEEPBIQ_CACHE" in stderr
    assert stdout == ""


def test_tune_and_info_tell_the_same_choice(run, int8_bundle):
    code, stdout, _ = run("tune", int8_bundle, "--seconds", 0, "--format", "json")
    told = json.loads(stdout)
    assert code == 0
    chosen = told["chosen"]
    info = json.loads(run("info", int8_bundle, "--format", "json")[1])["tuned"]
    assert {name: info[name] for name in ("engine", "precision", "threads")} == chosen
    assert f"{chosen['engine']} {chosen['precision']}" in " ".join(run("info", int8_bundle)[1].split())


def test_info_says_when_nobody_tuned(run, int8_bundle):
    assert "not tuned on this machine" in " ".join(run("info", int8_bundle)[1].split())
    assert json.loads(run("info", int8_bundle, "--format", "json")[1])["tuned"] is None
