"""Every experiment from pictures to report, on a miniature data set and a network that is quick."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
pytest.importorskip("lightning_fabric", reason="needs the extra deepbiq[train]")
pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")

import deepbiq  # after the skip
from deepbiq.datasets.biq2021 import BIQ2021
from deepbiq.errors import OptionError
from deepbiq.plans import Plan
from deepbiq.pooling import POOLINGS
from deepbiq_training.backbones import WeightsOrigin
from deepbiq_training.experiments.finetuned import compare_finetuned
from deepbiq_training.experiments.material import BY_REFERENCE, Choice, read_material
from deepbiq_training.experiments.network import Network
from deepbiq_training.experiments.outcome import outcome_of
from deepbiq_training.experiments.pooling import compare_poolings
from deepbiq_training.experiments.pretrained import compare_pretrained
from deepbiq_training.experiments.protocol import Protocol, draw_splits
from deepbiq_training.experiments.regression import split_outcomes
from deepbiq_training.experiments.report import write_report
from deepbiq_training.experiments.summary import ResultsError, summarise
from deepbiq_training.experiments.synthetic import run_synthetic
from deepbiq_training.experiments.unseen import compare_unseen
from tests.training.finetuning.tiny import RECIPE, TinyBackbone
from tests.training.miniature import PICTURES

PROTOCOL = Protocol(iterations=2, test_share=0.25, validation_share=0.25)
ORIGIN = WeightsOrigin("tiny.pth", "0" * 64, "unknown")


@pytest.fixture
def material(miniature):
    return read_material(Choice(BIQ2021, miniature))


@pytest.fixture
def network(tmp_path):
    return Network(TinyBackbone().eval(), ORIGIN, tmp_path / "features", short_side=96)


def test_pictures_are_drawn_by_the_seed(miniature):
    drawn = [read_material(Choice(BIQ2021, miniature, pictures=5, seed=seed)) for seed in (0, 0, 1)]
    names = [[picture.path.name for picture in material.pictures] for material in drawn]
    assert names[0] == names[1] != names[2]
    assert [len(part) for part in names] == [5, 5, 5]
    assert drawn[0].description["n"] == 5
    with pytest.raises(OptionError, match="13 pictures are wanted, the data set has 12"):
        read_material(Choice(BIQ2021, miniature, pictures=13))


def test_scenes_stay_together_only_when_asked(miniature, material):
    assert len(set(material.groups.tolist())) == PICTURES
    assert material.description["split_by"] == "picture"
    by_scene = read_material(Choice(BIQ2021, miniature, by_scene=True))
    assert by_scene.description["split_by"] == "scene"


def test_experiment_one_tests_each_set_of_weights_on_the_same_splits(material, network):
    other = dataclasses.replace(network, origin=WeightsOrigin("other.pth", "1" * 64, "unknown"))
    result = compare_pretrained(material, [network, other], PROTOCOL).result
    first, second = result["rows"]
    assert (first["label"], second["label"]) == ("tiny, tiny.pth", "tiny, other.pth")
    assert first["splits"] == second["splits"]
    assert len(first["splits"]) == 2
    assert result["plan"] == "whole"


def test_experiment_one_tells_weights_of_the_same_name_apart(material, network):
    other = dataclasses.replace(network, origin=WeightsOrigin("tiny.pth", "1" * 64, "unknown"))
    rows = compare_pretrained(material, [network, other], PROTOCOL).result["rows"]
    assert [row["label"] for row in rows] == ["tiny, tiny.pth (00000000)", "tiny, tiny.pth (11111111)"]
    assert [row["weights"]["sha256"][0] for row in rows] == ["0", "1"]


def test_experiment_one_refuses_a_network_that_is_given_twice(material, network, monkeypatch):
    monkeypatch.setattr(Network, "features", None)
    with pytest.raises(OptionError, match=r"more than once: tiny, tiny\.pth \(00000000\)"):
        compare_pretrained(material, [network, network], PROTOCOL)


def test_experiment_two_has_every_cell_and_its_crops_are_those_of_the_plan(material, network):
    report = compare_poolings(material, network, PROTOCOL, crop_counts=(5, 10))
    cells = {(row["pooling"], row["crops"]): row for row in report.result["rows"]}
    assert set(cells) == {(pooling, count) for pooling in POOLINGS for count in (5, 10)}
    plan = Plan("random", 5)
    alone = split_outcomes(
        network.features(material.pictures, plan), material, draw_splits(material.groups, PROTOCOL)[0], plan
    )
    for pooling in POOLINGS:
        assert cells[pooling, 5]["splits"][0] == dataclasses.asdict(alone[pooling])
    assert set(report.result["fewest_crops_as_good_as_the_best"]) == set(POOLINGS)
    assert report.table.count("**") == 2 * len(POOLINGS)


def test_experiment_three_fine_tunes_each_split_anew_and_goes_on(material, network, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=1, batch_size=3)
    before = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}

    def run():
        return compare_finetuned(material, network, PROTOCOL, Plan("random", 5), recipe, tmp_path / "tuned")

    report = run()
    assert all((tensor == before[name]).all() for name, tensor in network.backbone.state_dict().items())
    (folder,) = (tmp_path / "tuned").iterdir()
    assert folder.name.startswith("biq2021-tiny-")
    best = [folder / f"split-{number}" / "best.safetensors" for number in (0, 1)]
    assert best[0].read_bytes() != best[1].read_bytes()
    rows = {(row["pooling"], row["fine_tuned"]): row["splits"] for row in report.result["rows"]}
    assert rows["feature-avg", True] != rows["feature-avg", False]
    written = [file.stat().st_mtime_ns for file in best]
    assert run().result == report.result
    assert [file.stat().st_mtime_ns for file in best] == written


def test_experiment_three_with_other_settings_has_a_folder_of_its_own(miniature, material, network, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=1, batch_size=3)
    other_data = dataclasses.replace(material, description={**material.description, "dataset": "csv"})
    other_pictures = read_material(Choice(BIQ2021, miniature, pictures=11))
    changes = [
        (material, PROTOCOL, recipe),
        (material, dataclasses.replace(PROTOCOL, iterations=1), recipe),
        (other_data, PROTOCOL, recipe),
        (other_pictures, PROTOCOL, recipe),
        (material, PROTOCOL, dataclasses.replace(recipe, loss="plcc")),
        (material, dataclasses.replace(PROTOCOL, seed=1), recipe),
    ]
    for given, protocol, chosen in changes:
        compare_finetuned(given, network, protocol, Plan("whole"), chosen, tmp_path / "tuned")
    # The second only takes fewer splits.
    assert len(list((tmp_path / "tuned").iterdir())) == len(changes) - 1


def test_the_synthetic_protocol_keeps_references_together(material, network):
    references = np.arange(PICTURES) // 2
    by_reference = dataclasses.replace(
        material, groups=references, description={**material.description, "split_by": BY_REFERENCE}
    )
    report = run_synthetic(by_reference, network, PROTOCOL, Plan("dense"), "feature-avg")
    assert len(report.result["splits"]) == 2
    with pytest.raises(OptionError, match="biq2021 names no reference pictures"):
        run_synthetic(material, network, PROTOCOL, Plan("dense"), "feature-avg")


def test_shares_within_standard_deviations_are_reported_where_there_are_any(material, network):
    rated = dataclasses.replace(material, stds=np.full(PICTURES, 1000.0))
    report = compare_pretrained(rated, [network], PROTOCOL)
    assert report.result["rows"][0]["median"]["within"] == (1.0, 1.0, 1.0)
    assert "within 3 std" in report.table
    assert "within" not in compare_pretrained(material, [network], PROTOCOL).table


def test_scenes_of_the_training_part_are_told_from_unseen_ones(miniature):
    pictures = BIQ2021.read(miniature, "test")
    with deepbiq.load(plan="whole") as scorer:
        repeated = compare_unseen("biq2021", pictures, pictures, scorer)
        mixed = compare_unseen("biq2021", pictures[:6], pictures, scorer)
        scores = [scorer(picture.path).score for picture in pictures[6:]]
    assert [row["pictures"] for row in repeated.result["rows"]] == ["all", "scene in training part"]
    rows = {row["pictures"]: row for row in mixed.result["rows"]}
    assert {label: rows[label]["n"] for label in ("all", "scene in training part", "scene unseen")} == {
        "all": 12, "scene in training part": 6, "scene unseen": 6
    }  # fmt: skip
    alone = outcome_of(np.array(scores), np.array([picture.mos for picture in pictures[6:]]), None)
    assert rows["scene unseen"]["plcc"] == pytest.approx(alone.plcc)
    assert "| scene unseen | 6 |" in mixed.table


def test_the_summary_takes_the_best_rows_beside_what_was_published(material, network, tmp_path):
    write_report(tmp_path, compare_pretrained(material, [network], PROTOCOL))
    found = compare_poolings(material, network, PROTOCOL, crop_counts=(5, 10))
    write_report(tmp_path, found)
    summary = summarise(tmp_path, "biq2021")
    first, second, *published = summary.result["rows"]
    assert first["method"] == "I: whole picture, tiny, tiny.pth"
    assert second["method"].startswith("II: ")
    assert second["srocc"] == max(row["median"]["srocc"] for row in found.result["rows"])
    assert second["measured_on"] == "median of 2 random splits, n = 12"
    assert [row["plcc"] for row in published] == [0.81, 0.71, 0.71, 0.66, 0.60]
    assert "| DeepEns, an ensemble | 0.81 | 0.79 | official split, n = 2,000 | Ahmed and Asif" in summary.table


def test_the_summary_shows_the_official_test_part_where_it_was_measured(material, network, tmp_path):
    write_report(tmp_path, compare_pretrained(material, [network], PROTOCOL))
    measured = {"model": "m@1", "plan": "dense", "precision": "fp32", "plcc": 0.9, "srocc": 0.8, "n": 7}
    (tmp_path / "accuracy-biq2021-test-dense.json").write_text(json.dumps(measured))
    table = summarise(tmp_path, "biq2021").table
    assert "| m@1, dense, FP32 | 0.900 | 0.800 | official split, n = 7 | deepbiq |" in table


def test_a_summary_of_nothing_or_of_damaged_results_is_refused(tmp_path):
    with pytest.raises(OptionError, match="holds no experiment on biq2021"):
        summarise(tmp_path, "biq2021")
    path = Path(tmp_path, "experiment-pretrained-biq2021.json")
    for text in ("{", "{}", '{"experiment": "pretrained", "rows": []}', "null"):
        path.write_text(text)
        with pytest.raises(ResultsError, match=str(path)):
            summarise(tmp_path, "biq2021")
