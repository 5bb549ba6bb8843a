import json
from pathlib import Path

import pytest

from deepbiq.datasets import RatingScale, dataset_names, find_dataset
from deepbiq.errors import OptionError
from deepbiq.extras import MissingExtraError

NAMES = ["biq2021", "csiq", "csv", "koniq10k", "live", "live-challenge", "spaq", "tid2008", "tid2013"]


def test_the_data_sets_of_all_rooms_are_there():
    assert dataset_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_describes_itself_for_machines(name):
    data_set = find_dataset(name)
    told = json.loads(json.dumps(data_set.describe()))
    assert told["name"] == data_set.name == name
    assert told["citation"]
    assert told["title"]
    assert told["url"].startswith("https://") or name == "csv"
    assert told["splits"] == list(data_set.parts)
    assert set(told["scale"]) == {"low", "high", "direction", "mapping"}
    assert data_set.split_or_all("test") in data_set.splits
    assert data_set.split_or_all("train") in data_set.splits


def test_differential_scores_are_known_to_be_better_when_low():
    lower = {name for name in NAMES if find_dataset(name).scale.lower_is_better}
    assert lower == {"live", "csiq"}


def test_official_splits_are_preferred():
    assert find_dataset("biq2021").split_or_all("test") == "test"
    assert find_dataset("koniq10k").splits == ("train", "validation", "test", "all")
    assert find_dataset("tid2013").split_or_all("test") == "all"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(OptionError, match=f"unknown data set 'koniq': use {', '.join(NAMES)}"):
        find_dataset("koniq")


def test_an_unknown_split_lists_the_known_ones(tmp_path):
    with pytest.raises(OptionError, match="koniq10k has no split 'dev': use train or validation or test or all"):
        find_dataset("koniq10k").read(tmp_path, "dev")


@pytest.mark.parametrize(("name", "module"), [("live", "scipy"), ("csiq", "openpyxl"), ("spaq", "openpyxl")])
def test_a_missing_package_names_the_extra(name, module, tmp_path, monkeypatch):
    monkeypatch.setattr("deepbiq.extras.find_spec", lambda wanted: None if wanted == module else object())
    with pytest.raises(MissingExtraError, match=rf"needs {module}: .*pip install 'deepbiq\[bench\]'"):
        find_dataset(name).read(tmp_path, "all")


def test_the_user_states_the_scale_of_a_csv(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "ratings.csv").write_text("path,mos\na.jpg,2\n")
    data_set = find_dataset("csv", "1..5:lower")
    assert data_set.scale == RatingScale(1, 5, lower_is_better=True)
    assert data_set.read(tmp_path, "all")[0].mos == 75.0
    assert find_dataset("csv").read(tmp_path, "all")[0].mos == 2.0


def test_only_a_csv_takes_a_scale():
    with pytest.raises(OptionError, match=r"tid2013 has its own scale, 0..9: leave --rating-scale out"):
        find_dataset("tid2013", "1..5")


DOCUMENT = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_says_the_same(name):
    data_set = find_dataset(name)
    (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |")]
    _, _, _, scale, splits, *_ = (cell.strip() for cell in row.split("|"))
    assert splits == ", ".join(data_set.splits)
    if data_set.rescaled is None:
        direction = data_set.scale.describe()["direction"]
        assert scale.partition(" ")[2] == f"{data_set.scale}, {direction}"
    section = DOCUMENT.partition(f"\n### {name}\n")[2]
    assert section
    assert data_set.url in section.partition("\n### ")[0]
