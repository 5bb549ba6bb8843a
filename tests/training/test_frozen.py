"""A whole miniature training, and every way in which one can go wrong."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra deepbiq[train]")
pytest.importorskip("sklearn", reason="needs the extra deepbiq[train]")

from deepbiq.cli.exit_codes import USAGE, exit_code_of  # noqa: E402  # after the skip
from deepbiq.datasets import DataSetError, find_dataset  # noqa: E402
from deepbiq.datasets.biq2021 import BIQ2021  # noqa: E402
from deepbiq.errors import OptionError  # noqa: E402
from deepbiq.plans import Plan  # noqa: E402
from deepbiq.pooling import POOLINGS  # noqa: E402
from deepbiq.regression import regressors_from_npz  # noqa: E402
from deepbiq_training.backbones import WeightsError  # noqa: E402
from deepbiq_training.checkpoint import BACKBONE_FILE, DESCRIPTION, CheckpointError, read_checkpoint  # noqa: E402
from deepbiq_training.families import FAMILIES  # noqa: E402
from deepbiq_training.frozen import FrozenSettings, read_parts, train_frozen  # noqa: E402
from deepbiq_training.heads import HEADS  # noqa: E402
from deepbiq_training.sampling import FeatureSampler  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.training.miniature import PICTURES  # noqa: E402

DENSE = tuple(family for family in FAMILIES if family.name == "dense")


@pytest.fixture
def settings(miniature, tmp_path, packaged_weights):
    return FrozenSettings(root=miniature, out=tmp_path / "run", weights=packaged_weights, validation_pictures=4)


@pytest.fixture
def only_dense(monkeypatch):
    monkeypatch.setattr("deepbiq_training.frozen.FAMILIES", DENSE)


@pytest.fixture
def sampled(monkeypatch):
    """Counts the pictures that the network really saw; may interrupt at one of them."""
    log = {"count": 0, "interrupt_at": None}
    original = FeatureSampler.__call__

    def count(self, bgr, plan):
        if log["count"] == log["interrupt_at"]:
            raise KeyboardInterrupt
        log["count"] += 1
        return original(self, bgr, plan)

    monkeypatch.setattr(FeatureSampler, "__call__", count)
    return log


@pytest.mark.slow
def test_a_training_leaves_a_complete_checkpoint(settings):
    agreements = train_frozen(settings)
    assert set(agreements) == {Plan("random", 25), Plan("grid", 25), Plan("dense"), Plan("whole")}
    assert all(set(by_pooling) == set(POOLINGS) for by_pooling in agreements.values())
    checkpoint = read_checkpoint(settings.out)
    for family in FAMILIES:
        heads = regressors_from_npz(checkpoint.regressors[family.regressors_file], name=family.name)
        assert set(heads) == set(HEADS)
        assert heads["concat"].weights.size == (1280 if family.name == "whole" else 25 * 1280)
    told = checkpoint.description
    assert set(told["plans"]) == {"random", "grid", "dense", "whole"}
    assert told["data_set"] == {
        "name": "biq2021",
        "split": "train",
        "pictures": PICTURES,
        "scale": BIQ2021.scale.describe(),
    }
    assert told["validation"]["pictures"] == 4
    assert set(told["validation"]["same_scene"]) == {"anywhere", "in_series", "series_reach"}
    assert len(told["metrics"]) == 4 * len(POOLINGS)
    assert all(entry["n"] == 4 for entry in told["metrics"])


def test_an_interrupted_training_goes_on_where_it_stopped(settings, only_dense, sampled):
    sampled["interrupt_at"] = 7
    with pytest.raises(KeyboardInterrupt):
        train_frozen(settings)
    assert not (settings.out / DESCRIPTION).exists()
    sampled["interrupt_at"] = None
    train_frozen(settings)
    assert sampled["count"] == PICTURES
    assert read_checkpoint(settings.out).description["data_set"]["pictures"] == PICTURES


def test_the_same_settings_give_the_same_regressors(settings, only_dense, sampled):
    train_frozen(settings)
    first = (settings.out / "regressors" / "dense.npz").read_bytes()
    described = json.loads((settings.out / DESCRIPTION).read_text())
    train_frozen(settings)
    assert (settings.out / "regressors" / "dense.npz").read_bytes() == first
    assert json.loads((settings.out / DESCRIPTION).read_text()) == described
    assert sampled["count"] == PICTURES


def test_ratings_of_ones_own_are_trained_on_whole_groups(settings, only_dense):
    rows = [
        f"Images/{path.name},{1 + i / 3},{i // 3}" for i, path in enumerate((settings.root / "Images").iterdir())
    ]
    (settings.root / "ratings.csv").write_text("\n".join(["path,mos,group", *rows]))
    train_frozen(replace(settings, data_set=find_dataset("csv", "1..5")))
    told = read_checkpoint(settings.out).description
    assert (told["data_set"]["name"], told["data_set"]["split"], told["data_set"]["pictures"]) == ("csv", "all", 12)
    assert (told["data_set"]["scale"]["low"], told["data_set"]["scale"]["high"]) == (1, 5)
    assert told["validation"]["same_scene"] == {"by": "the data set's groups"}
    assert (told["validation"]["scenes_in_all"], told["validation"]["pictures"]) == (4, 6)


def refused(settings, error, match):
    with pytest.raises(error, match=match) as caught:
        train_frozen(settings)
    assert exit_code_of(caught.value) == USAGE
    assert not (settings.out / DESCRIPTION).exists()


def test_a_missing_picture_is_refused(settings):
    (settings.root / "Images" / "ss02 (5).jpg").unlink()
    refused(settings, DataSetError, r"'ss02 \(5\)\.jpg' is missing")


def test_unreadable_pictures_are_refused(settings):
    for name in ("ss02 (5).jpg", "ss03 (6).jpg"):
        path = settings.root / "Images" / name
        path.write_bytes(path.read_bytes()[:500])
    refused(settings, DataSetError, r"2 pictures cannot be read.*ss02 \(5\)\.jpg.*ss03 \(6\)\.jpg")


def test_an_empty_split_is_refused(settings):
    (settings.root / "Train (Images and MOS).csv").write_text("Images,MOS\n")
    refused(settings, DataSetError, "no rows")


def test_a_folder_of_something_else_is_refused(settings, tmp_path):
    elsewhere = FrozenSettings(root=tmp_path / "nowhere", out=settings.out, weights=settings.weights)
    refused(elsewhere, DataSetError, "not BIQ2021's official layout")


def test_the_code_of_the_document_on_int8_names_the_validation_part(settings, tmp_path, monkeypatch):
    text = (ROOT / "docs" / "int8.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("PATH/TO/BIQ2021", str(settings.root)).replace("wanted=600", "wanted=4"), {})
    parts = read_parts(settings)
    drawn = np.flatnonzero(parts.validation)
    assert len(drawn) >= 4
    expected = [parts.pictures[place].path.name for place in drawn]
    assert (tmp_path / "validation.txt").read_text().splitlines() == expected


def test_too_large_a_validation_part_is_refused(settings):
    too_large = FrozenSettings(
        root=settings.root, out=settings.out, weights=settings.weights, validation_pictures=PICTURES
    )
    refused(too_large, OptionError, "at least 3")


def test_weights_of_another_network_are_refused(settings, tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, tmp_path / "alexnet.pth")
    other = FrozenSettings(root=settings.root, out=settings.out, weights=tmp_path / "alexnet.pth")
    refused(other, WeightsError, r"not EfficientNet-Lite0.*is missing")


def test_a_full_disk_keeps_the_old_checkpoint_or_none(settings, only_dense, monkeypatch):
    def no_space(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            train_frozen(settings)
    assert not any(path.is_file() for path in settings.out.rglob("*"))
    train_frozen(settings)
    assert np.isfinite(read_checkpoint(settings.out).description["metrics"][0]["srocc"])


def change_description(folder, change):
    told = json.loads((folder / DESCRIPTION).read_text())
    change(told)
    (folder / DESCRIPTION).write_text(json.dumps(told))


def tell_of_a_fine_tuning(told):
    told["fine_tuning"] = {"recipe": {"loss": "both"}, "pre_trained": told["weights"]}


def test_a_finished_checkpoint_of_other_settings_is_kept(settings, only_dense, sampled):
    train_frozen(settings)
    before = (settings.out / DESCRIPTION).read_bytes()
    sampled["interrupt_at"] = sampled["count"]
    with pytest.raises(
        CheckpointError, match=r"other settings: .*seed was 0, now it is 1.*another folder"
    ) as caught:
        train_frozen(replace(settings, seed=1))
    assert exit_code_of(caught.value) == USAGE
    table = settings.root / "Train (Images and MOS).csv"
    table.write_text(table.read_text().replace("0.091", "0.092"))
    with pytest.raises(
        CheckpointError, match=r"settings: (training|validation) pictures was \d+ \(\w+\), now it is"
    ):
        train_frozen(settings)
    assert (settings.out / DESCRIPTION).read_bytes() == before
    change_description(settings.out, tell_of_a_fine_tuning)
    with pytest.raises(CheckpointError, match="training was fine-tuned, now it is frozen"):
        train_frozen(settings)


def test_an_older_checkpoint_that_tells_no_pictures_may_be_trained_again(settings, only_dense):
    train_frozen(settings)
    change_description(settings.out, lambda told: told.pop("pictures"))
    train_frozen(settings)
    assert set(read_checkpoint(settings.out).description["pictures"]) == {
        "training pictures", "validation pictures"
    }  # fmt: skip


@pytest.mark.slow
def test_caffenet_from_a_caffemodel_to_a_checkpoint(settings, caffenet_files, only_dense):
    train_frozen(dataclasses.replace(settings, backbone="caffenet", **caffenet_files))
    checkpoint = read_checkpoint(settings.out)
    (settings.out / BACKBONE_FILE).unlink()
    assert checkpoint.description["backbone"] == "caffenet"
    assert checkpoint.description["weights"]["mean_sha256"] is not None
    assert checkpoint.backbone.spec.normalisation.mean == pytest.approx((120.0, 110.0, 100.0), abs=1e-4)
    assert checkpoint.backbone.state_dict()["fc8.weight"].shape == (205, 4096)
    heads = regressors_from_npz(checkpoint.regressors["regressors/dense.npz"], name="dense")
    assert heads["prediction"].weights.size == 4096


def test_caffenet_needs_its_mean(settings):
    refused(dataclasses.replace(settings, backbone="caffenet"), OptionError, "needs the mean file")


def test_weights_of_another_backbone_are_refused(settings):
    refused(
        dataclasses.replace(settings, backbone="alexnet"), WeightsError, r"AlexNet.*features\.0\.weight is missing"
    )
