import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepbiq.camera.threshold_files import Scored, read_labels, read_scores
from deepbiq.camera.threshold_plot import plot
from deepbiq.camera.thresholds import fit_labels, fit_rates
from deepbiq.errors import OptionError

many = st.lists(st.floats(0, 100), min_size=20, max_size=200, unique_by=lambda score: round(score, 1))


@given(many, st.floats(0, 0.5), st.floats(0, 0.5))
def test_rates_are_met_to_within_a_picture(values, reject_rate, warn_rate):
    fitted = fit_rates(np.array(values), reject_rate, warn_rate)
    picture = 1 / len(values) + 1e-9
    assert 0 <= fitted.reject <= fitted.accept <= 100
    assert fitted.rates.reject == pytest.approx(reject_rate, abs=picture)
    assert fitted.rates.warn == pytest.approx(warn_rate, abs=2 * picture)
    assert fitted.rates.accept + fitted.rates.warn + fitted.rates.reject == pytest.approx(1)
    assert (fitted.n, fitted.border) == (len(values), None)


def test_a_twentieth_of_a_hundred_is_five():
    fitted = fit_rates(np.arange(1.0, 101.0), 0.05, 0.1)
    assert (fitted.reject, fitted.accept) == (5.95, 15.85)
    assert (fitted.rates.reject, fitted.rates.warn) == (0.05, 0.1)


@given(st.lists(st.floats(0, 100), min_size=20, max_size=60, unique=True), st.integers(0, 19))
def test_what_is_asked_for_is_not_rounded_away(values, rank):
    scores = np.sort(np.array(values))
    nothing = fit_rates(scores, 0, 0)
    assert (nothing.rates.accept, nothing.rates.reject) == (1, 0)
    fitted = fit_rates(scores, rank / (len(scores) - 1), 0)
    assert fitted.rates.reject <= rank / len(scores)
    assert fitted.rates.warn == 0


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.arange(19.0), "19 scores are too few"),
        (np.full(30, 42.0), "all 30 scores are 42"),
        (np.empty(0), "0 scores are too few"),
    ],
)
def test_refuses_scores_that_support_nothing(scores, message):
    with pytest.raises(OptionError, match=message):
        fit_rates(scores, 0.05, 0.1)
    with pytest.raises(OptionError, match=message):
        fit_labels(scores, np.arange(len(scores)) % 2 == 0)


@pytest.mark.parametrize("rates", [(-0.1, 0), (0.5, 0.6), (float("nan"), 0)])
def test_refuses_rates_that_are_no_shares(rates):
    with pytest.raises(OptionError, match="shares"):
        fit_rates(np.arange(100.0), *rates)


def test_parted_labels_give_the_middle_of_the_gap():
    scores = np.array([*range(10, 25), *range(60, 75)], np.float64)
    fitted = fit_labels(scores, scores > 40)
    assert fitted.border.score == 42
    assert (fitted.border.youden, fitted.border.balanced_accuracy, fitted.border.auc) == (1, 1, 1)
    assert (fitted.border.accepted, fitted.border.rejected) == (15, 15)
    assert 24 - 5 <= fitted.reject <= 42 <= fitted.accept <= 60 + 5


def brute_force(scores, accepted):
    good, bad = scores[accepted], scores[~accepted]
    youden = max(np.mean(good >= border) + np.mean(bad < border) - 1 for border in [*scores, 101])
    pairs = [(1.0 if a > b else 0.5 if a == b else 0.0) for a in good for b in bad]
    return youden, np.mean(pairs)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=20, max_size=40))
def test_agrees_with_trying_all(pictures):
    scores = np.array([5.0 * score for score, _ in pictures])
    accepted = np.array([label for _, label in pictures])
    assume(min(accepted.sum(), (~accepted).sum()) >= 5)
    youden, auc = brute_force(scores, accepted)
    assume(auc > 0.5)
    fitted = fit_labels(scores, accepted)
    assert fitted.border.youden == pytest.approx(youden)
    assert fitted.border.auc == pytest.approx(auc)
    assert fitted.reject <= fitted.border.score <= fitted.accept


def test_the_interval_narrows_with_more_pictures_and_repeats_itself():
    random = np.random.default_rng(0)
    widths = []
    for n in (40, 4000):
        scores = np.clip(np.concatenate([random.normal(65, 10, n), random.normal(40, 10, n)]), 0, 100)
        accepted = np.arange(2 * n) < n
        fitted = fit_labels(scores, accepted)
        assert fitted == fit_labels(scores, accepted)
        assert fitted.border.score == pytest.approx(52.5, abs=6)
        widths.append(fitted.accept - fitted.reject)
    assert 0 < widths[1] < widths[0] / 2


@pytest.mark.parametrize(
    ("accepted", "message"),
    [
        (np.ones(40, bool), "40 accepted and 0 rejected"),
        (np.arange(40) >= 4, "36 accepted and 4 rejected"),
        (np.arange(40) < 20, r"AUC 0\.00.*right way round"),
    ],
)
def test_refuses_labels_that_support_nothing(accepted, message):
    with pytest.raises(OptionError, match=message):
        fit_labels(np.arange(40.0), accepted)


def test_reads_what_score_and_watch_printed(tmp_path):
    lines = [
        {"path": "a.jpg", "score": 40.5, "error": None},
        {"path": "b.jpg", "score": None, "error": "b.jpg: truncated"},
        {"event": "camera", "camera": "front", "state": "live"},
        {"event": "result", "camera": "front", "score": 61, "path": None},
        {"event": "drift", "camera": "front"},
    ]
    file = tmp_path / "scores.jsonl"
    file.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    assert read_scores(file) == Scored(["a.jpg", None], [40.5, 61], [("b.jpg", "b.jpg: truncated")])


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[1]", '{"path": "a"}', '{"score": "50"}', '{"score": 101}', '{"score": NaN}'],
)
def test_names_the_line_that_is_no_result(tmp_path, line):
    file = tmp_path / "scores.jsonl"
    file.write_text('{"score": 50}\n' + line + "\n")
    with pytest.raises(OptionError, match=r"scores\.jsonl, line 2: "):
        read_scores(file)


def test_reads_labels_in_any_of_their_words(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text('\ufeffverdict,path,who\nAccepted,a.jpg,me\n 1,b c.jpg,me\nreject,"d,e.jpg",me\n', "utf-8")
    assert read_labels(file) == {"a.jpg": True, "b c.jpg": True, "d,e.jpg": False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na,1\n", "no column verdict"),
        ("", "no column path and verdict"),
        ("path,verdict\na,1\nb,maybe\n", "line 3: verdict 'maybe' is none of accepted"),
        ("path,verdict\na\n", "line 2: verdict '' is none of accepted"),
        ("path,verdict\na,1\na,0\n", "line 3: a stands there twice"),
        ("verdict,path\n1,a\naccept\n", "line 3: no path"),
        ("path,verdict\n,1\n", "line 2: no path"),
        (f"path,verdict\na,1\n{'b' * 131_073},0\n", "line 3: field larger than field limit"),
    ],
)
def test_refuses_labels_that_are_none(tmp_path, text, message):
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(OptionError, match=message):
        read_labels(file)


def test_a_missing_file_is_named(tmp_path):
    for read in (read_scores, read_labels):
        with pytest.raises(OptionError, match=r"nowhere\.csv cannot be read"):
            read(tmp_path / "nowhere.csv")


def test_labels_pick_their_pictures_and_name_those_without_a_score():
    scored = Scored(["a", "b", None], [10, 20, 30], [("c", "c: broken"), ("d", "d: broken")])
    assert scored.labelled({"a": True, "c": False, "e": False}) == Scored(
        ["a"], [10], [("c", "c: broken"), ("e", "e: labelled, but not among the scores")]
    )


def test_the_plot_is_a_histogram_with_both_thresholds():
    scores = np.array([*range(10, 25), *range(60, 75)], np.float64)
    accepted = scores > 40
    fitted = fit_labels(scores, accepted)
    root = ET.fromstring(plot({"accepted": scores[accepted], "rejected": scores[~accepted]}, fitted))
    svg = "{http://www.w3.org/2000/svg}"
    bars = [rect for rect in root.iter(f"{svg}rect") if rect.get("height") != "12"]
    texts = [text.text for text in root.iter(f"{svg}text")]
    dashed = [line for line in root.iter(f"{svg}line") if line.get("stroke-dasharray")]
    assert len(bars) == 8 + 8
    assert {"accepted (15)", "rejected (15)", "accept", "reject"} <= set(texts)
    assert len(dashed) == 2
    assert float(dashed[0].get("x1")) <= float(dashed[1].get("x1"))
