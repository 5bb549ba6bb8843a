"""The scorer on a network of mean colours: a crop's score is its mean blue value times 100 / 255."""

import dataclasses
import json
import threading

import cv2
import numpy as np
import pytest

import deepbiq
from deepbiq.bundle import write_bundle
from deepbiq.crops import pad_to_size
from deepbiq.pooling import POOLINGS
from deepbiq.result import Failure
from tests.conftest import reseal, tiny_files, tiny_manifest
from tests.tiny_model import SIZE, STRIDE, inside_windows_graph

PLANS = ["random:25", "grid:25", "dense", "whole"]


@pytest.fixture
def picture():
    """Blue rises from 0 on the left to 255 on the right; size of whole cells."""
    picture = np.zeros((128, 160, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, 160).astype(np.uint8)
    return picture


@pytest.fixture
def png(picture, tmp_path):
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), picture)
    return path


def blue(pixels):
    return pixels[..., 0].mean() * 100 / 255


def test_dense_is_the_mean_over_a_window_around_every_cell(tiny_bundle, picture):
    with deepbiq.load(tiny_bundle) as scorer:
        result = scorer(picture)
    windows = [
        blue(picture[max(top, 0) : top + SIZE, max(left, 0) : left + SIZE])
        for top in range(-STRIDE, 128 - STRIDE, STRIDE)
        for left in range(-STRIDE, 160 - STRIDE, STRIDE)
    ]
    np.testing.assert_allclose(result.crop_scores, windows, atol=1e-4)
    assert result.score == pytest.approx(np.mean(windows), abs=1e-4)
    assert result.spread == pytest.approx(np.std(windows), abs=1e-4)
    assert result.label == "fair"
    np.testing.assert_allclose(result.quality_map.ravel(), windows, atol=1e-3)
    assert result.quality_map.shape == (4, 5)
    assert (np.diff(result.quality_map, axis=1) >= 0).all()
    assert result.plan == "dense"


@pytest.mark.parametrize("hw", [(100, 100), (64, 90), (132, 164), (150, 133), (256, 101)])
def test_windows_that_stay_inside_and_are_no_multiple_of_the_stride(tmp_path, hw):
    """Windows of 100 pixels, 32 apart: every plan runs, and the map covers the picture with cells of 32 pixels."""
    size = 100
    manifest = tiny_manifest()
    manifest["input"]["size"] = size
    manifest["feature"]["outer_windows"] = 0
    write_bundle(tmp_path / "odd", manifest, {**tiny_files(), "features.onnx": inside_windows_graph(size)})
    picture = np.random.default_rng(1).integers(0, 256, (*hw, 3), dtype=np.uint8)
    rows, columns = (-(-max(side - size, 0) // STRIDE) + 1 for side in hw)
    padded = pad_to_size(picture, size + STRIDE * (rows - 1), size + STRIDE * (columns - 1))
    with deepbiq.load(tmp_path / "odd", plan="dense", scale="native") as scorer:
        result = scorer(picture)
        drawn = scorer.overlay(picture, result)
        sampled = scorer.sample(picture)
        of_features = scorer.judge(sampled, scorer.features(sampled)).crop_scores
    expected = [
        blue(padded[STRIDE * i : STRIDE * i + size, STRIDE * j : STRIDE * j + size])
        for i in range(rows)
        for j in range(columns)
    ]
    np.testing.assert_allclose(of_features, expected, atol=1e-4)
    # Of each window 10,000 projections are added up in float32, which are no whole numbers as the pixels are.
    np.testing.assert_allclose(result.crop_scores, expected, rtol=4e-6)
    assert result.quality_map.shape == (-(-hw[0] // STRIDE), -(-hw[1] // STRIDE))
    assert np.isfinite(result.quality_map).all()
    assert result.quality_map[0, 0] == pytest.approx(expected[0], abs=1e-3)
    assert drawn.shape == picture.shape
    for plan in PLANS:
        with deepbiq.load(tmp_path / "odd", plan=plan, scale="native") as scorer:
            assert 0 <= scorer(picture).score <= 100


def test_crops_are_scored_where_they_lie(tiny_bundle, picture):
    with deepbiq.load(tiny_bundle, plan="grid:6") as scorer:
        result = scorer(picture)
    expected = [blue(picture[top : top + SIZE, left : left + SIZE]) for top in (0, 32) for left in (0, 32, 64)]
    np.testing.assert_allclose(result.crop_scores, expected, atol=1e-4)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("pool", POOLINGS)
def test_every_plan_with_every_pooling(tiny_bundle, picture, plan, pool):
    with deepbiq.load(tiny_bundle, plan=plan, pool=pool) as scorer:
        result = scorer(picture)
    assert (result.plan, result.pool) == (plan, pool)
    scores = result.crop_scores
    if pool == "concat" and plan == "dense":
        assert scores.min() <= result.score <= scores.max()
        return
    reducer = np.mean if pool == "concat" else {"min": np.min, "avg": np.mean, "max": np.max}[pool[-3:]]
    assert result.score == pytest.approx(reducer(scores), abs=1e-3)


@pytest.mark.parametrize("plan", PLANS)
def test_path_bytes_and_array_give_the_same_score_twice(tiny_bundle, picture, png, plan):
    with deepbiq.load(tiny_bundle, plan=plan) as scorer:
        sources = (png, str(png), png.read_bytes(), picture, picture[:, ::1].copy(order="F"))
        scores = {scorer(source).score for source in sources for _ in range(2)}
    assert len(scores) == 1


def test_results_name_where_they_come_from(tiny_bundle, png):
    with deepbiq.load(tiny_bundle) as scorer:
        result = scorer(png)
    assert result.path == str(png)
    assert result.model.startswith("tiny@")
    assert (result.engine, result.precision, result.error) == ("onnxruntime", "fp32", None)
    assert set(json.loads(json.dumps(result.to_dict()))) >= {
        "path", "score", "label", "spread", "plan", "engine", "precision", "model", "ms", "error",
    }  # fmt: skip
    assert set(result.to_dict()["ms"]) == {"decode", "sample", "infer", "regress", "total"}


def test_results_cannot_be_changed(tiny_bundle, picture):
    with deepbiq.load(tiny_bundle) as scorer:
        result = scorer(picture)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.score = 99.0
    for array in (result.crop_scores, result.quality_map):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_scale_policy_decides_what_is_seen(tiny_bundle):
    picture = np.zeros((512, 768, 3), np.uint8)
    cells = {"auto": (8, 12), "native": (16, 24), "100": (4, 5), 100: (4, 5)}
    for scale, shape in cells.items():
        with deepbiq.load(tiny_bundle, scale=scale) as scorer:
            assert scorer(picture).quality_map.shape == shape


@pytest.mark.parametrize("plan", PLANS)
def test_small_pictures_down_to_64_pixels(tiny_bundle, plan):
    with deepbiq.load(tiny_bundle, plan=plan) as scorer:
        assert scorer(np.full((64, 70, 3), 51, np.uint8)).score == pytest.approx(20, abs=1e-3)
        with pytest.raises(deepbiq.ImageError, match="64"):
            scorer(np.full((63, 70, 3), 51, np.uint8))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((100, 100, 3), np.float32), np.full((100, 100, 3), np.nan), np.zeros((100, 100, 3), complex),
        np.zeros((100, 100, 3), bool), np.zeros((100, 100, 3), np.uint16), np.zeros((100, 100), np.uint8),
        np.zeros((100, 100, 4), np.uint8), np.zeros((3, 100, 100), np.uint8), np.zeros((0, 100, 3), np.uint8),
        np.zeros((1, 100, 100, 3), np.uint8), None, 7, [[1, 2], [3, 4]],
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_picture_is_an_image_error(tiny_bundle, array):
    with deepbiq.load(tiny_bundle) as scorer, pytest.raises(deepbiq.ImageError):
        scorer(array)


def test_stream_keeps_order_and_puts_failures_in_their_place(tiny_bundle, picture, png, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    sources = [png, tmp_path / "missing.png", picture, b"", text, png]
    with deepbiq.load(tiny_bundle) as scorer:
        results = list(scorer.stream(sources))
        single = scorer(png)
    assert [result.error is None for result in results] == [True, False, True, False, False, True]
    assert results[0].score == results[5].score == single.score
    assert str(tmp_path / "missing.png") in results[1].error
    assert results[1].path == str(tmp_path / "missing.png")
    assert results[1].to_dict().keys() == single.to_dict().keys()
    assert results[1].score is None


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_long_stream_of_the_default_model_gives_the_scores_of_single_calls(samples, precision):
    paths = [*samples, *samples, *samples]
    with deepbiq.load(precision=precision) as scorer:
        streamed = [result.score for result in scorer.stream(paths)]
        assert streamed == [scorer(path).score for path in paths]


def test_stream_reads_lazily(tiny_bundle, picture):
    taken = []

    def endless():
        while True:
            taken.append(None)
            yield picture

    with deepbiq.load(tiny_bundle) as scorer:
        results = scorer.stream(endless(), lookahead=2)
        for _ in range(3):
            next(results)
        results.close()
    assert len(taken) <= 6


def test_overlays_of_a_stream_show_what_was_scored_and_nothing_is_read_twice(tiny_bundle, picture, png, tmp_path):
    sources = [png, tmp_path / "missing.png", png.read_bytes(), picture]
    with deepbiq.load(tiny_bundle) as scorer:
        expected = scorer(png)
        drawn = scorer.overlay(png, expected)
        results = scorer.stream_drawn(sources, lookahead=1)
        found = [next(results)]
        png.unlink()
        found += results
    assert [isinstance(result, Failure) for result in found] == [False, True, False, False]
    for result in (found[0], found[2], found[3]):
        assert result[0].score == expected.score
        np.testing.assert_array_equal(result[1], drawn)


def test_calls_from_several_threads_agree(tiny_bundle, picture):
    pictures = [np.roll(picture, shift, axis=1) for shift in range(0, 160, 20)]
    with deepbiq.load(tiny_bundle, plan="random:9") as scorer:
        expected = [scorer(p).score for p in pictures]
        found = [0.0] * len(pictures)

        def work(index):
            for _ in range(5):
                found[index] = scorer(pictures[index]).score

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == expected


def test_a_closed_scorer_says_so(tiny_bundle, picture):
    scorer = deepbiq.load(tiny_bundle)
    scorer.close()
    scorer.close()
    with pytest.raises(deepbiq.EngineError, match="closed"):
        scorer(picture)


def test_a_regressor_of_another_size_is_found_when_loading(tiny_bundle):
    files = tiny_files()
    files["regressors/many.npz"] = files["regressors/whole.npz"]
    write_bundle(tiny_bundle, tiny_manifest(), files)
    with pytest.raises(deepbiq.BundleError, match="no concat regressor of 75 features"):
        deepbiq.load(tiny_bundle, pool="concat")


@pytest.mark.parametrize("lost", ["graphs", "plans", "input", "feature", "default", "training_scale"])
def test_a_manifest_that_lacks_something_is_a_bundle_error(tiny_bundle, lost):
    reseal(tiny_bundle, lambda manifest: manifest.pop(lost))
    with pytest.raises(deepbiq.BundleError, match=lost):
        deepbiq.load(tiny_bundle)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"plan": "sparse"}, deepbiq.OptionError, "sparse"),
        ({"pool": "median"}, deepbiq.OptionError, "median"),
        ({"scale": "huge"}, deepbiq.OptionError, "huge"),
        ({"scale": 50}, deepbiq.OptionError, "50"),
        ({"scale": 384.0}, deepbiq.OptionError, "unknown scale '384.0'"),
        ({"threads": 0}, deepbiq.OptionError, "threads"),
        ({"threads": 1.5}, deepbiq.OptionError, "threads must be a whole number, at least 1, got 1.5"),
        ({"threads": "2"}, deepbiq.OptionError, "threads must be a whole number, at least 1, got '2'"),
        ({"plan": 25}, deepbiq.OptionError, "unknown plan '25'"),
        ({"engine": "tensorrt"}, deepbiq.EngineError, "tensorrt"),
        ({"precision": "int8"}, deepbiq.BundleError, "int8"),
        ({"plan": "random:9", "pool": "concat"}, deepbiq.OptionError, "random:25"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(tiny_bundle, options, error, words):
    with pytest.raises(error, match=words):
        deepbiq.load(tiny_bundle, **options)


def test_limits_apply(tiny_bundle, picture, png):
    with deepbiq.load(tiny_bundle, limits=deepbiq.Limits(max_pixels=100 * 100)) as scorer:
        for source in (picture, png):
            with pytest.raises(deepbiq.ImageError):
                scorer(source)


def test_overlay_has_the_size_that_was_seen(tiny_bundle):
    picture = np.full((300, 500, 3), 100, np.uint8)
    with deepbiq.load(tiny_bundle) as scorer:
        assert scorer.overlay(picture, scorer(picture)).shape == (256, 427, 3)


def test_warnings_reach_the_result(tiny_bundle, tmp_path):
    grey = tmp_path / "deep.png"
    cv2.imwrite(str(grey), np.full((100, 100), 30_000, np.uint16))
    with deepbiq.load(tiny_bundle) as scorer:
        assert any("16" in warning for warning in scorer(grey).warnings)
