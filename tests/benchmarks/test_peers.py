"""`deepbiq bench peers`: figures of planted peers have a closed form, and the command runs for real, small."""

from __future__ import annotations

import json
import math
import platform
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from time import sleep

import cv2
import numpy as np
import pytest
from matplotlib.text import Text

pytest.importorskip("onnx", reason="graphs are counted with onnx: install deepbiq[peers]")

from typer.testing import CliRunner

from deepbiq.cli.main import app
from deepbiq.datasets import RatedPicture
from deepbiq.errors import OptionError
from deepbiq_benchmarks import peers_material
from deepbiq_benchmarks.alternation import summarise, time_in_pairs, time_in_turn, warm_up
from deepbiq_benchmarks.peers import Absent, Offer, Peer, open_offer
from deepbiq_benchmarks.peers_checks import checks_of, compare_ratios
from deepbiq_benchmarks.peers_crops import crops_offers
from deepbiq_benchmarks.peers_measure import rate_peers, time_peers, unsettled
from deepbiq_benchmarks.peers_names import CAFFENET_CROPS, CAFFENET_DENSE, DEFAULT
from deepbiq_benchmarks.peers_packages import package_offers
from deepbiq_benchmarks.peers_plot import draw_peers
from deepbiq_benchmarks.peers_text import checks_table, peers_summary_table, peers_table

SQUARE = np.full((512, 512, 3), 90, np.uint8)
BLUES = (10, 40, 80, 120, 200)


def nothing():
    """A step that nobody counts."""


def blue(bgr):
    return float(bgr[..., 0].mean())


def fussy(bgr):
    if bgr[0, 0, 0] == BLUES[1]:
        raise ArithmeticError("not this blue\nwith a second line")
    return blue(bgr)


@pytest.fixture
def data_set(tmp_path):
    """A csv data set of one-colour pictures, one of them smaller than the others."""
    rows = ["path,mos"]
    for number, value in enumerate(BLUES):
        side = 300 if number == 2 else 512
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((side, 512, 3), (value, 7, 9), np.uint8))
        rows.append(f"{number}.png,{value * 100 / 255:.4f}")
    (tmp_path / "ratings.csv").write_text("\n".join(rows))
    return tmp_path


def bench(*words):
    return CliRunner().invoke(app, ["bench", "peers", *map(str, words)])


def test_every_turn_is_compared_with_the_references_turns_before_and_after_it(monkeypatch):
    """A machine that becomes slower with every turn, and ten times slower between rounds, changes no ratio."""
    mood = iter([1, 2, 4, 8, 16, 10, 20, 40, 80, 160])
    lasts = {"first": 2.0, "slow": 6.0, "quick": 1.0}
    order = []

    def turn(call):
        order.append(call())
        return next(mood) * lasts[order[-1]]

    monkeypatch.setattr("deepbiq_benchmarks.alternation.time_turn", turn)
    times, ratios, faults = {}, {}, {}
    time_in_pairs({name: partial(str, name) for name in lasts}, "first", 2, faults, times, ratios)
    assert order == ["first", "slow", "first", "quick", "first"] * 2
    assert ratios == {"slow": pytest.approx([3, 3]), "quick": pytest.approx([0.5, 0.5])}
    assert times == {"first": [2, 8, 32, 20, 80, 320], "slow": [12, 120], "quick": [8, 80]}
    assert not faults


def test_what_raises_has_no_further_turn_and_without_a_reference_there_are_no_ratios():
    times, ratios, faults = {}, {}, {}
    broken = partial(int, "no number")
    time_in_pairs({"first": broken, "other": nothing}, "first", 3, faults, times, ratios)
    assert (len(times["other"]), list(times), ratios) == (3, ["other"], {})
    assert [str(error)[:7] for error in faults["first"]] == ["invalid"]
    time_in_pairs({"alone": nothing}, "alone", 2, faults, times, ratios)
    assert len(times["alone"]) == 2


def test_the_median_and_its_spread_are_in_milliseconds():
    timed = summarise([0.001, 0.002, 0.003, 0.004, 0.009])
    assert (timed.ms, timed.n) == (3, 5)
    assert (timed.p10_ms, timed.p90_ms) == pytest.approx((1.4, 7.0))


def test_everybody_has_a_turn_in_every_round_after_uncounted_calls(monkeypatch):
    monkeypatch.setattr("deepbiq_benchmarks.alternation.WARM_UP_SECONDS", 0.02)
    monkeypatch.setattr("deepbiq_benchmarks.alternation.TIMED_SECONDS", 0.05)
    order, rounds = [], []
    calls = {
        "slow": lambda: (order.append("slow"), sleep(0.06)),
        "quick": lambda: (order.append("quick"), sleep(0.001)),
    }
    timed = time_in_turn(calls, 2, lambda: rounds.append(len(order)))
    assert {name: found.n for name, found in timed.items()} == {"slow": 2, "quick": 2}
    turns = [name for place, name in enumerate(order) if place == 0 or order[place - 1] != name]
    assert turns == ["slow", "quick"] * 2
    assert order.count("slow") == 4  # one uncounted and one counted call last long enough
    assert order.count("quick") > 4
    assert rounds[1] == len(order)
    assert len(rounds) == 2
    assert timed["slow"].ms >= 60


def test_uncounted_calls_go_on_until_threads_have_found_their_cores(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("deepbiq_benchmarks.alternation.perf_counter", lambda: next(clock))
    monkeypatch.setattr("deepbiq_benchmarks.alternation.WARM_UP_SECONDS", 3)
    calls = []
    warm_up(lambda: calls.append("quick"))
    assert calls == ["quick"] * 3
    warm_up(lambda: calls.append("slow") or [next(clock) for _ in range(3)])
    assert calls[3:] == ["slow"]


def test_what_raises_ends_all_turns():
    with pytest.raises(ValueError, match="no number"):
        time_in_turn({"first": nothing, "broken": partial(int, "no number")}, 1)


@pytest.mark.parametrize(("settled", "times_the_rounds"), [(math.inf, 1), (-1, 5)])
def test_a_peer_that_fails_on_a_picture_is_left_out_there_and_the_others_go_on(
    short_turns, monkeypatch, settled, times_the_rounds
):
    monkeypatch.setattr("deepbiq_benchmarks.peers_measure.SETTLED", settled)
    peers = {"fussy": Peer(fussy, "1"), "fine": Peer(blue, "1")}
    pictures = [np.full((512, 512, 3), value, np.uint8) for value in BLUES[:3]]
    seen = time_peers(peers, pictures, ["a", "b", "c"], 2, nothing)
    # Two rounds of three pictures; of two, but with a turn before and after the other's.
    assert seen["fine"].timed.n == 6 * times_the_rounds
    assert seen["fussy"].timed.n == 8 * times_the_rounds
    assert seen["fussy"].failures == {"b": "ArithmeticError: not this blue"}
    assert not seen["fine"].failures


def test_accuracies_are_of_the_pictures_that_were_scored(data_set):
    rated = [RatedPicture(data_set / f"{n}.png", value * 100 / 255) for n, value in enumerate(BLUES)]
    peers = {
        "fussy": Peer(fussy, "1"),
        "reversed": Peer(lambda bgr: -blue(bgr), "1"),
        "not a number": Peer(lambda bgr: float("nan"), "1"),
        "random": Peer(blue, "1", rated=False),
    }
    seen = time_peers(peers, [SQUARE], ["a"], 1, nothing)
    rate_peers(peers, rated, seen, nothing)
    assert (seen["fussy"].rated_n, seen["fussy"].srocc) == (4, pytest.approx(1))
    assert list(seen["fussy"].failures) == ["1.png"]
    assert seen["reversed"].plcc == pytest.approx(-1)
    assert (seen["not a number"].rated_n, seen["not a number"].plcc) == (0, None)
    assert len(seen["not a number"].failures) == len(BLUES)
    assert (seen["random"].rated_n, seen["random"].srocc) == (None, None)


def test_what_is_not_installed_says_what_to_install():
    def opening(trial):
        import no_such_package  # noqa: F401

    found = open_offer(Offer("x", "x", opening, "pip install 'deepbiq[peers]'"), SQUARE)
    assert found == Absent("No module named 'no_such_package': pip install 'deepbiq[peers]'")


def test_what_cannot_start_says_why():
    def opening(trial):
        raise RuntimeError("no weights")

    assert open_offer(Offer("x", "x", opening, "never mind"), SQUARE) == Absent("RuntimeError: no weights")


def test_packages_run_where_they_are_installed_and_say_what_is_missing_elsewhere():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    for offer in package_offers(1):
        found = open_offer(offer, noise)
        if find_spec(offer.library) is None:
            assert isinstance(found, Absent)
            assert "pip install" in found.reason
        elif isinstance(found, Peer):
            score = found.score(noise)
            assert score is None if not found.rated else np.isfinite(score)
            assert found.cost is None or found.cost.macs > 1e8
            found.close()


def test_crops_score_the_same_in_every_library_that_is_installed(short_turns, tiny_bundle):
    picture = np.random.default_rng(0).integers(0, 256, (200, 120, 3), dtype=np.uint8)
    scores = {}
    for offer in crops_offers(tiny_bundle, lambda: tiny_bundle, 1):
        found = open_offer(offer, SQUARE)
        if isinstance(found, Absent):
            assert offer.library in ("pytorch", "openvino"), found.reason
        elif found.rated:
            scores[offer.library] = found.score(picture)
            assert found.note in ("25 at a time", "5 at a time")
            # The tiny bundle's score is the mean blue value.
            small = np.full((60, 50, 3), (51, 0, 0), np.uint8)
            assert found.score(small) == pytest.approx(20, abs=1e-3)
        else:
            assert found.score(picture) is None
            assert "random weights" in found.note
    assert "onnxruntime" in scores
    assert max(scores.values()) - min(scores.values()) < 1e-3


def row(name, ms, plan=None, srocc=None, sgemm_ms=None, before=None):
    sgemm = {"sgemm_ms": sgemm_ms, "sgemm_before_ms": before}
    return {"name": name, "ms": ms, "ratio": ms / 20, "plan": plan, "srocc": srocc, **sgemm}


def test_checks_by_hand():
    rows = [
        row(DEFAULT, 20, srocc=0.860, sgemm_ms=25, before=16),
        row("deepbiq dense fp32", 30, "dense", 0.864, 25),
        row("25 crops of CaffeNet, onnxruntime", 240),
        row("25 crops of EfficientNet-Lite0, onnxruntime", 130),
        row(CAFFENET_DENSE, 100, "dense"),
    ]
    checks = checks_of(rows, 0.05)
    values = {(check.of, check.what.partition(",")[0]): check for check in checks}
    found = values[DEFAULT, "times faster than 25 crops of CaffeNet"]
    assert (found.value, found.passes, found.binding) == (12, True, True)
    found = values[DEFAULT, "times faster than 25 crops of EfficientNet-Lite0"]
    assert (found.value, found.passes) == (6.5, False)
    found = values[DEFAULT, "SROCC below FP32 dense"]
    assert (found.value, found.passes) == (pytest.approx(0.004), True)
    assert values[DEFAULT, "time / that of its multiply-adds at the SGEMM peak"].value == pytest.approx(0.8)
    found = values[DEFAULT, "the same at the best SGEMM before all turns"]
    assert (found.value, found.passes, found.binding) == (pytest.approx(1.25), False, False)
    found = values[DEFAULT, "share of the call outside the network"]
    assert (found.value, found.passes) == (pytest.approx(0.05), True)
    found = values["deepbiq dense fp32", "times faster than 25 crops of CaffeNet"]
    assert (found.value, found.passes, found.binding) == (8, False, False)
    found = values[CAFFENET_DENSE, f"times faster than {CAFFENET_CROPS.partition(',')[0]}"]
    assert (found.value, found.passes) == (None, None)


def test_two_runs_agree_within_ten_percent_or_not():
    before = [row("a", 1.0), row("b", 2.0), row("gone", 3.0)]
    close = compare_ratios([row("a", 1.0), row("b", 2.19), row("new", 9.0)], before)
    assert [entry["name"] for entry in close["rows"]] == ["a", "b"]
    assert close["largest"] == pytest.approx(0.095)
    assert close["passes"]
    assert not compare_ratios([row("b", 1.79)], before)["passes"]
    assert compare_ratios([row("new", 9.0)], before)["passes"] is None


def test_pictures_to_time_are_squares_and_spread_over_the_data_set(data_set):
    material = peers_material.find_peers_material(data_set, "csv", None, [], 2, 3)
    assert material.timed_names == ["0.png", "2.png"]
    assert [picture.shape for picture in material.timed] == [(512, 512, 3)] * 2
    assert [picture.path.name for picture in material.rated] == ["0.png", "1.png", "3.png"]
    with pytest.raises(OptionError, match="--root"):
        peers_material.find_peers_material(None, "csv", None, [], 2, 3)


def test_the_standard_error_of_a_median_is_that_of_a_normal_distribution():
    seconds = list(np.random.default_rng(0).normal(0.1, 0.01, 400))
    medians = [np.median(np.random.default_rng(seed).normal(0.1, 0.01, 400)) for seed in range(1, 400)]
    assert summarise(seconds).uncertainty == pytest.approx(np.std(medians) / 0.1, rel=0.15)
    assert summarise([0.1]).uncertainty == 0


def test_only_medians_that_a_few_turns_do_not_settle_go_on():
    steady, uneven = [0.1, 0.101, 0.1, 0.099], [0.1, 0.2, 0.1, 0.3]
    assert unsettled({"steady": steady, "uneven": uneven, "uneven, often": uneven * 400}) == ["uneven"]


@pytest.mark.slow
def test_the_command_measures_writes_and_compares(short_turns, tiny_bundle, data_set, tmp_path, monkeypatch):
    # More turns for unsettled medians have tests of their own; here they would only cost minutes.
    monkeypatch.setattr("deepbiq_benchmarks.peers_measure.MOST_ROUNDS", 1)
    results = tmp_path / "results"
    results.mkdir()
    words = ["--root", data_set, "--dataset", "csv", "--bundle", tiny_bundle, "--rounds", 2, "--threads", 1]
    words += ["--timed-pictures", 2, "--precision", "fp32", "--plan", "dense", "--plan", "whole"]
    words += ["--peer", "efficientnet", "--peer", "graph", "--engine", "onnxruntime"]
    plot = tmp_path / "plot.png"
    if find_spec("matplotlib"):
        words += ["--plot", plot]
    done = bench(*words, "--peer", "deepbiq", "--results", results, "--format", "json")
    assert done.exit_code in (0, 1), done.stderr  # 1 when a bound is missed: the tiny network is no fair case
    result = json.loads(done.stdout)
    (file,) = results.iterdir()
    assert json.loads(file.read_text()) == result
    assert plot.exists() == bool(find_spec("matplotlib"))
    rows = {entry["name"]: entry for entry in result["rows"]}
    default = rows[DEFAULT]
    assert (default["ratio"], default["rated_n"]) == (1, len(BLUES))
    ran = [name for name, entry in rows.items() if entry["ms"] is not None and name != DEFAULT]
    assert {rows[name]["n"] for name in ran} == {4}
    products = result["sgemm_in_turn"]["of"]
    # Around every turn of the others, products' too.
    assert default["n"] == 4 * (len(ran) + len(products) + 1)
    assert default["plcc"] == pytest.approx(1)
    assert default["note"] == "dense, fp32, onnxruntime"
    crops = rows["25 crops of EfficientNet-Lite0, onnxruntime"]
    assert crops["ratio"] > 1
    assert crops["srocc"] == pytest.approx(1)
    assert crops["times_roof"] == pytest.approx(crops["ms"] / crops["roof_ms"])
    assert rows["25 crops of EfficientNet-Lite0, pytorch"]["reason"]  # the tiny network is none of PyTorch's
    outside = result["outside_of_network"]
    assert outside["share"] == pytest.approx(1 - 1 / outside["ratio"])
    assert rows[CAFFENET_DENSE]["note"] == "random weights: timed only"
    assert rows[CAFFENET_DENSE]["srocc"] is None
    assert rows[CAFFENET_DENSE]["gmacs"] == pytest.approx(9.147, abs=0.001)
    assert result["freed_memory_kept"] == (platform.libc_ver()[0] == "glibc")
    assert set(products) == set(result["roof"]["sgemm_of"])
    for product in products.values():
        assert product["n"] == 4
        assert product["gflops"] == pytest.approx(2e-6 * product["side"] ** 3 / (product["ratio"] * default["ms"]))
    fastest = max(product["gflops"] for product in products.values())
    assert result["sgemm_in_turn"]["gflops"] == products[result["sgemm_in_turn"]["by"]]["gflops"] == fastest
    for key, rate in (("sgemm_ms", fastest), ("sgemm_before_ms", result["roof"]["sgemm_gflops"])):
        assert rows[CAFFENET_DENSE][key] == pytest.approx(2e3 * rows[CAFFENET_DENSE]["gmacs"] / rate)
    assert rows[CAFFENET_CROPS]["gmacs"] == pytest.approx(25 * 0.7203, abs=0.001)
    assert done.exit_code == (0 if result["passes"] else 1)

    again = bench(*words, "--compare", file, "--format", "markdown")
    assert again.exit_code in (0, 1), again.stderr
    assert "Against an earlier run the ratios of " in again.stdout
    assert "- Not run: 25 crops of EfficientNet-Lite0, pytorch" in again.stdout
    assert "**deepbiq as it is** (dense, fp32, onnxruntime)" in again.stdout


def test_without_any_peer_only_deepbiq_runs(short_turns, tiny_bundle, samples):
    words = ["--images", samples[0], "--bundle", tiny_bundle, "--rounds", 1, "--threads", 1, "--plan", "dense"]
    done = bench(*words, "--precision", "fp32", "--peer", "deepbiq dense", "--peer", "openvino", "--format", "text")
    assert done.exit_code in (0, 1), done.stderr
    assert "deepbiq as it is" in done.stdout
    if find_spec("openvino") is None:
        assert "not run: 25 crops of CaffeNet, openvino: No module named 'openvino': pip install" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peer", "no such row"], "no peer's name holds no such row"),
        (["--precision", "int4"], "unknown precision"),
        (["--precision", "auto"], "precision auto names no graph: use fp32, "),
        (["--engine", "nothing"], "unknown engine 'nothing'"),
        (["--split", "test"], "give its folder by --root"),
        (["--accuracy-pictures", 5], "give its folder by --root"),
        (["--plan", "sparse"], "unknown plan"),
        (["--compare", "missing.json"], "no result of bench peers"),
        (["--results", "missing"], "no folder missing"),
    ],
)
def test_options_that_make_no_sense_end_with_one_line(words, message, samples, tiny_bundle):
    done = bench("--images", samples[0], "--bundle", tiny_bundle, *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_results_file_of_another_benchmark_is_not_compared_with(samples, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"benchmark": "parity", "rows": []}))
    done = bench("--images", samples[0], "--compare", other)
    assert done.exit_code == 2
    assert "no result of bench peers" in done.stderr


def test_the_short_table_has_the_fastest_library_of_each_kind():
    def full(name, ms, reason=None, plan=None):
        spread = {"p10_ms": ms, "p90_ms": ms, "gmacs": None, "times_roof": None}
        what = {"version": "1", "note": "", "threads": 2, "plcc": None, "reason": reason, "failures": 0}
        return {**row(name, ms, plan), **spread, **what}

    rows = [
        full(DEFAULT, 20.0),
        full("deepbiq dense int8", 20.0, plan="dense"),
        full("25 crops of CaffeNet, onnxruntime", 240.0),
        full("25 crops of CaffeNet, openvino", 230.0),
        full("25 crops of CaffeNet, pytorch", 0.0, reason="no torch"),
        full("BRISQUE, brisque", 100.0),
    ]
    result = {
        "benchmark": "peers", "dataset": None, "split": None, "pictures_timed": ["a.png"], "rounds": 3,
        "threads": 2, "rows": rows, "roof": {}, "checks": [], "comparison": None, "machine": {"processor": "a CPU"},
        "date": "2026-11-24T12:00:00+00:00",
    }  # fmt: skip
    table = peers_summary_table([{"benchmark": "parity"}, result]).splitlines()
    assert [line.split(" | ")[:2] for line in table[2:5]] == [
        ["| **deepbiq as it is**", "20.0"],
        ["| BRISQUE, brisque, 1", "100.0"],
        ["| 25 crops of CaffeNet, openvino, 1", "230.0"],
    ]
    assert table[5] == ""


def test_tables_say_so_when_nothing_was_measured():
    assert (
        peers_table([])
        == peers_summary_table([])
        == checks_table([{"benchmark": "parity"}])
        == "*Not measured yet.*"
    )


@pytest.mark.parametrize("seed", range(3))
def test_no_number_of_the_plot_lies_on_another(seed):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "name": f"deepbiq {number}",
            "ms": float(rng.uniform(100, 110)),
            "srocc": float(rng.uniform(0.80, 0.81)) if rng.random() < 0.7 else None,
            "reason": None,
        }
        for number in range(30)
    ]
    about = {"dataset": "d", "split": "test", "threads": 2, "machine": {"processor": "a processor"}}
    figure = draw_peers({"rows": rows, **about})
    figure.draw_without_rendering()
    numbers = figure.axes[0].texts
    assert sorted(number.get_text() for number in numbers) == [f"{n:02d}" for n in range(1, 31)]
    boxes = [Text.get_window_extent(number) for number in numbers]  # without the line to its point
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
