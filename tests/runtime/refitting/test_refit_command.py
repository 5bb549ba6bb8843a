"""From ratings to a bundle that scores, and everything that is refused on the way."""

from __future__ import annotations

import json
import os
from itertools import pairwise

import cv2
import numpy as np
import pytest

from deepbiq.bundle import open_bundle
from deepbiq.cache_folder import CACHE_VARIABLE
from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.graphs import keeps_accuracy
from deepbiq.plans import parse_plan
from tests.runtime.refitting.refit_material import (
    blue_share,
    colours,
    rated,
    whole_bundle,
    write_csv,
    write_pictures,
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bundle(tmp_path):
    return whole_bundle(tmp_path / "old")


@pytest.fixture
def ratings(tmp_path):
    return rated(tmp_path / "photos")


def test_a_new_head_scores_as_its_user_does(run, tmp_path, bundle, ratings):
    code, stdout, stderr = run("refit", ratings, "--out", tmp_path / "new", "--bundle", bundle)
    assert code == 0, stderr
    assert "refitted to 60 scores of 60 pictures" in stdout
    assert f"--bundle {tmp_path / 'new'}" in stdout
    green = np.zeros((96, 96, 3), np.uint8)
    green[..., 1] = 204
    cv2.imwrite(str(tmp_path / "green.png"), green)
    code, stdout, _ = run("score", tmp_path / "green.png", "--bundle", tmp_path / "new", "--format", "json")
    (told,) = json.loads(stdout)
    assert code == 0
    assert told["score"] == pytest.approx(80, abs=4)
    assert told["model"].startswith("tiny-refit@")
    assert blue_share(bundle) == pytest.approx(100 / 255)
    assert abs(blue_share(tmp_path / "new")) < 0.05


def test_the_new_bundle_keeps_nothing_of_the_old_head(run, tmp_path, bundle, ratings):
    assert run("refit", ratings, "--out", tmp_path / "new", "--bundle", bundle)[0] == 0
    old, new = open_bundle(bundle), open_bundle(tmp_path / "new")
    manifest = new.manifest
    assert manifest["plans"] == {"dense": {"regressors": "regressors/dense-refit.npz", "pooling": "prediction-avg"}}
    assert new.files["features.onnx"] == old.files["features.onnx"]
    assert set(new.files) == {"features.onnx", "golden/noise.png", "regressors/dense-refit.npz"}
    assert all("score_output" not in entry for entry in manifest["graphs"].values())
    ((golden,), (before,)) = manifest["golden"], old.manifest["golden"]
    assert set(golden["scores"]) == {"dense"}
    assert golden["scores"]["dense"] != pytest.approx(before["scores"]["dense"], abs=0.01)
    for key in ("int8-cpu", "int8-tensorrt"):
        assert manifest["graphs"][key]["golden"]["golden/noise.png"] == golden["scores"]
        calibration = manifest["graphs"][key]["calibration"]
        (cost,) = calibration["costs"]
        assert (cost["plan"], cost["n"], cost["shift"], calibration["beyond"]) == ("dense", 60, 0.0, [])
        assert keeps_accuracy(manifest, key, parse_plan("dense"), "prediction-avg")
    origin = manifest["refitted"]
    assert (origin["from"], origin["ratings"]["n"], origin["folds"]) == (old.model_id, 60, 5)
    (metrics,) = manifest["metrics"]
    assert metrics["srocc"] == origin["plans"][0]["figures"]["srocc"]["after"]["value"] > 0.9
    assert manifest["licence"] == old.manifest["licence"]
    assert manifest["trained_on"] == old.manifest["trained_on"]


def test_the_same_call_makes_the_same_bundle_and_needs_no_inference_again(
    run, tmp_path, bundle, ratings, own_cache, monkeypatch
):
    def refit(out):
        code, stdout, stderr = run("refit", ratings, "--out", out, "--bundle", bundle, "--format", "json")
        assert code == 0, stderr
        return json.loads(stdout)

    first = refit(tmp_path / "one")
    files = sorted((own_cache / "features").glob("*/*.npz"))
    assert len(files) == 3 * 60
    runs = []
    features = OnnxRuntimeEngine.features
    monkeypatch.setattr(
        OnnxRuntimeEngine, "features", lambda self, images: runs.append(images.shape) or features(self, images)
    )
    files[0].write_bytes(files[0].read_bytes()[:-20])
    files[1].write_bytes(b"no npz")
    second = refit(tmp_path / "two")
    assert first["model"] == second["model"]
    assert sum(shape == (1, 96, 96, 3) for shape in runs) == 2
    assert files[1].read_bytes() != b"no npz"


def test_info_tune_and_a_second_refit_work_on_a_new_bundle(run, tmp_path, bundle, ratings):
    run("refit", ratings, "--out", tmp_path / "new", "--bundle", bundle)
    code, stdout, _ = run("info", tmp_path / "new")
    assert code == 0
    assert "heads refitted to 60 scores of 60 pictures" in " ".join(stdout.split())
    assert "ratings.csv" in stdout
    assert run("tune", tmp_path / "new", "--seconds", 0)[0] == 0
    code, _, stderr = run("refit", ratings, "--out", tmp_path / "newer", "--bundle", tmp_path / "new")
    assert code == 2
    assert "is no better on unseen pictures" in stderr or "is worse on unseen pictures" in stderr
    rows = [(f"{number:03d}.png", red * 100 / 255) for number, (_, _, red) in enumerate(colours(60))]
    write_csv(ratings, ["path", "score"], rows)
    assert run("refit", ratings, "--out", tmp_path / "newer", "--bundle", tmp_path / "new")[0] == 0
    assert open_bundle(tmp_path / "newer").manifest["name"] == "tiny-refit"


def test_preferences_make_a_bundle_too(run, tmp_path, bundle):
    found = colours(40, 3)
    names = write_pictures(tmp_path / "photos", found)
    rng = np.random.default_rng(0)
    pairs = [rng.choice(40, 2, replace=False) for _ in range(120)]
    pairs = [(a, b) if found[a][1] > found[b][1] else (b, a) for a, b in pairs]
    file = write_csv(
        tmp_path / "photos" / "pairs.csv", ["better", "worse"], [(names[a], names[b]) for a, b in pairs]
    )
    code, stdout, stderr = run("refit", file, "--out", tmp_path / "new", "--bundle", bundle, "--format", "json")
    assert code == 0, stderr
    told = json.loads(stdout)
    assert told["ratings"]["kind"] == "preferences"
    assert told["plans"][0]["figures"]["right"]["after"]["value"] > 0.9
    assert run("info", tmp_path / "new")[0] == 0
    assert run("score", tmp_path / "photos", "--bundle", tmp_path / "new")[0] == 0


def test_several_plans_are_refitted_and_the_first_is_the_default(run, tmp_path, bundle, ratings):
    code, _, stderr = run(
        "refit", ratings, "--out", tmp_path / "new", "--bundle", bundle, "--plan", "grid:4", "--plan", "whole"
    )
    assert code == 0, stderr
    manifest = open_bundle(tmp_path / "new").manifest
    assert list(manifest["plans"]) == ["grid", "whole"]
    assert manifest["default"]["plan"] == "grid:4"
    assert set(manifest["golden"][0]["scores"]) == {"grid:4"}
    assert [row["plan"] for row in manifest["metrics"]] == ["grid:4", "whole"]
    # Nothing proves INT8 for `whole`: the old bundle has no golden score of it.
    assert [cost["plan"] for cost in manifest["graphs"]["int8-cpu"]["calibration"]["costs"]] == ["grid:4"]
    assert set(manifest["graphs"]["int8-cpu"]["golden"]["golden/noise.png"]) == {"grid:4"}
    code, _, stderr = run("score", ratings.parent, "--bundle", tmp_path / "new", "--plan", "dense")
    assert code == 4
    assert "has no regressor for plan dense" in stderr


def test_a_graph_that_computes_something_else_here_is_not_chosen(run, tmp_path, bundle, ratings, caplog):
    opened = open_bundle(bundle)
    manifest = json.loads(json.dumps(opened.manifest))
    manifest["graphs"]["int8-cpu"]["golden"]["golden/noise.png"]["dense"] += 5
    from deepbiq.bundle import write_bundle

    del manifest["files"]
    write_bundle(bundle, manifest, opened.files)
    code, stdout, _ = run("refit", ratings, "--out", tmp_path / "new", "--bundle", bundle)
    assert code == 0
    assert "int8-cpu: not chosen: dense: not judged, golden/noise.png with plan dense scores" in stdout
    new = open_bundle(tmp_path / "new").manifest
    assert "golden" not in new["graphs"]["int8-cpu"]
    assert not keeps_accuracy(new, "int8-cpu", parse_plan("dense"), "prediction-avg")
    assert keeps_accuracy(new, "int8-tensorrt", parse_plan("dense"), "prediction-avg")
    recorded = manifest["golden"][0]["scores"]
    recorded["dense"] += 5
    write_bundle(bundle, manifest, opened.files)
    code, _, _ = run("refit", ratings, "--out", tmp_path / "newer", "--bundle", bundle)
    assert (code, "its golden scores are not those of its heads" in caplog.text) == (0, True)
    assert open_bundle(tmp_path / "newer").manifest["golden"] == new["golden"]


def test_scores_of_another_range_are_mapped(run, tmp_path, bundle):
    found = colours(60)
    names = write_pictures(tmp_path / "photos", found)
    rows = [(name, 5 - 4 * colour[1] / 255) for name, colour in zip(names, found, strict=True)]
    file = write_csv(tmp_path / "photos" / "ratings.csv", ["path", "score"], rows)
    code, stdout, stderr = run(
        "refit", file, "--out", tmp_path / "new", "--bundle", bundle, "--range", 5, 1, "--format", "json"
    )
    assert code == 0, stderr
    assert json.loads(stdout)["ratings"]["scale"]["direction"] == "lower is better"
    code, stdout, _ = run("score", tmp_path / "photos", "--bundle", tmp_path / "new", "--format", "json")
    scores = [row["score"] for row in json.loads(stdout)]
    np.testing.assert_allclose(scores, found[:, 1] * 100 / 255, atol=5)
    code, _, stderr = run("refit", file, "--out", tmp_path / "newer", "--bundle", bundle)
    assert code == 2
    assert "all scores lie in 1" in stderr
    assert "--range 1 5" in stderr


def test_ratings_that_run_the_other_way_round_are_refused_with_what_to_do(run, tmp_path, bundle):
    found = colours(60)
    names = write_pictures(tmp_path / "photos", found)
    liked = 60 * found[:, 0] / 255 + 40 * found[:, 1] / 255
    file = tmp_path / "photos" / "ratings.csv"
    write_csv(file, ["path", "score"], zip(names, 100 - liked, strict=True))
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert code == 2
    assert "the old head ranks these pictures the other way round (SROCC -0." in stderr
    assert "--range 100 0" in stderr
    code, _, stderr = run("refit", file, "--out", tmp_path / "turned", "--bundle", bundle, "--range", 100, 0)
    assert code == 0, stderr
    rng = np.random.default_rng(0)
    pairs = [sorted(rng.choice(60, 2, replace=False), key=lambda number: liked[number]) for _ in range(150)]
    write_csv(file, ["better", "worse"], [(names[better], names[worse]) for worse, better in pairs])
    assert run("refit", file, "--out", tmp_path / "pairs", "--bundle", bundle)[0] == 0
    write_csv(file, ["better", "worse"], [(names[worse], names[better]) for worse, better in pairs])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert code == 2
    assert "the old head ranks these pictures the other way round (pairs right 0." in stderr
    assert "the first column of a preference is the better picture" in stderr


def nothing_new(run, tmp_path, ratings, *options):
    before = sorted(os.listdir(tmp_path))
    code, stdout, stderr = run("refit", ratings, "--out", tmp_path / "new", *options)
    assert not (tmp_path / "new").exists()
    assert [name for name in sorted(os.listdir(tmp_path)) if name not in before] in ([], ["cache"])
    assert stdout == ""
    return code, stderr


def test_ratings_that_say_too_little_are_refused(run, tmp_path, bundle):
    few = rated(tmp_path / "few", count=29)
    code, stderr = nothing_new(run, tmp_path, few, "--bundle", bundle)
    assert (code, "29 pictures are too few: at least 30" in stderr) == (2, True)
    found = colours(60)
    names = write_pictures(tmp_path / "photos", found)
    file = tmp_path / "photos" / "ratings.csv"
    rng = np.random.default_rng(0)
    write_csv(file, ["path", "score"], [(name, rng.uniform(0, 100)) for name in names])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "by chance alone" in stderr) == (2, True)
    write_csv(file, ["path", "score"], [(name, 50) for name in names])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "all scores lie in 50..50" in stderr) == (2, True)
    write_csv(
        file,
        ["path", "score", "group"],
        [(n, c[1] / 3, i % 4) for i, (n, c) in enumerate(zip(names, found, strict=True))],
    )
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "the pictures form 4 groups" in stderr) == (2, True)
    write_csv(file, ["better", "worse"], [*pairwise(names[:46])])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "45 preferences are too few: at least 50" in stderr) == (2, True)
    write_csv(file, ["better", "worse"], [(names[0], name) for name in names[1:]])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "0 of 59 preferences can be tested" in stderr) == (2, True)


def test_the_same_picture_under_many_names_is_one_picture(run, tmp_path, bundle):
    names = write_pictures(tmp_path / "photos", colours(1))
    data = (tmp_path / "photos" / names[0]).read_bytes()
    rows = []
    for number in range(40):
        (tmp_path / "photos" / f"copy{number}.png").write_bytes(data)
        rows.append((f"copy{number}.png", 2 * number))
    file = write_csv(tmp_path / "photos" / "ratings.csv", ["path", "score"], rows)
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle)
    assert (code, "the pictures form 1 groups" in stderr) == (2, True)


def test_pictures_that_cannot_be_read_are_listed_together(run, tmp_path, bundle, ratings):
    for name in ("003.png", "041.png"):
        (ratings.parent / name).write_bytes(b"no picture")
    code, stderr = nothing_new(run, tmp_path, ratings, "--bundle", bundle)
    assert code == 2
    assert "2 of 60 pictures cannot be read" in stderr
    assert str(ratings.parent / "003.png") in stderr
    assert str(ratings.parent / "041.png") in stderr


def test_places_for_a_bundle_are_checked_before_anything_is_computed(run, tmp_path, bundle, ratings):
    sealed = (bundle / "manifest.json.sha256").read_bytes()
    code, _, stderr = run("refit", ratings, "--out", bundle, "--bundle", bundle)
    assert (code, "is the bundle that is refitted" in stderr) == (4, True)
    assert (bundle / "manifest.json.sha256").read_bytes() == sealed
    code, _, stderr = run("refit", ratings, "--out", ratings.parent, "--bundle", bundle)
    assert (code, "exists and is not a bundle" in stderr) == (4, True)
    code, _, stderr = run("refit", ratings, "--out", ratings, "--bundle", bundle)
    assert (code, "is a file" in stderr) == (4, True)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--plan", "grid:4", "--plan", "grid:9"], "plans of one family share their head"),
        (["--plan", "grid"], "needs a number of crops"),
        (["--range", "3", "3"], "two different ends"),
        (["--folds", "1"], "folds"),
    ],
)
def test_options_that_make_no_sense(run, tmp_path, bundle, ratings, options, words):
    code, stderr = nothing_new(run, tmp_path, ratings, "--bundle", bundle, *options)
    assert (code, words in stderr) == (2, True)


def test_a_range_of_preferences_is_refused(run, tmp_path, bundle):
    names = write_pictures(tmp_path / "photos", colours(4))
    file = write_csv(tmp_path / "photos" / "pairs.csv", ["better", "worse"], [*pairwise(names)])
    code, stderr = nothing_new(run, tmp_path, file, "--bundle", bundle, "--range", "100", "0")
    assert (code, f"--range: {file} holds preferences, which have no scale" in stderr) == (2, True)


def test_only_averages_can_be_refitted(run, tmp_path, ratings):
    from deepbiq.bundle import write_bundle
    from tests.conftest import tiny_files, tiny_manifest

    manifest = tiny_manifest()
    manifest["plans"]["dense"]["pooling"] = "feature-min"
    write_bundle(tmp_path / "minimum", manifest, tiny_files())
    code, stderr = nothing_new(run, tmp_path, ratings, "--bundle", tmp_path / "minimum")
    assert (code, "pools dense by feature-min" in stderr) == (4, True)
