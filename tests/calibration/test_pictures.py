"""Pictures: where they come from, what the manifest says of them, and lists of held-back ones."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest

from deepbiq.errors import OptionError
from deepbiq_calibration.pictures import Draw, Source, held_back_by_list, mos_of, read_pictures


def test_ratings_in_the_folder_are_read(rated):
    found = read_pictures(Source(rated.folder))
    assert [picture.path for picture in found] == rated.paths
    assert mos_of(found).tolist() == pytest.approx(rated.mos)
    assert found[0].group == found[1].group != found[2].group


def test_a_folder_without_ratings_is_searched_to_the_bottom(rated, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.copy(rated.paths[0], tmp_path / "deep" / "er")
    found = read_pictures(Source(tmp_path))
    assert [picture.path.name for picture in found] == ["00.png"]
    assert np.isnan(mos_of(found)).all()


def test_the_manifest_says_which_pictures_and_what_for(rated):
    found = read_pictures(Source(rated.folder))
    told = Draw(rated.folder, tuple(found[:2]), tuple(found[4:5]), 7).manifest()
    assert told["seed"] == 7
    assert told["counts"] == {"calibration": 2, "held back": 1}
    assert [entry["path"] for entry in told["pictures"]] == ["00.png", "01.png", "04.png"]
    assert [entry["role"] for entry in told["pictures"]] == ["calibration", "calibration", "held back"]
    last = told["pictures"][-1]
    assert last["sha256"] == hashlib.sha256(rated.paths[4].read_bytes()).hexdigest()
    assert last["mos"] == pytest.approx(rated.mos[4])


def test_a_list_names_what_is_held_back(rated, tmp_path):
    listing = tmp_path / "held-back.txt"
    listing.write_text("03.png\n\n 05.png \n")
    source = Source(rated.folder, held_back_list=listing)
    named = held_back_by_list(source, read_pictures(source))
    assert np.flatnonzero(named).tolist() == [3, 5]


@pytest.mark.parametrize(
    ("text", "message"), [("99.png\n", "0 pictures are named '99.png'"), ("", "must name some of the pictures")]
)
def test_a_list_that_fits_nothing_is_refused(rated, tmp_path, text, message):
    listing = tmp_path / "held-back.txt"
    listing.write_text(text)
    source = Source(rated.folder, held_back_list=listing)
    with pytest.raises(OptionError, match=message):
        held_back_by_list(source, read_pictures(source))


def test_a_list_that_is_not_there_is_refused(rated, tmp_path):
    source = Source(rated.folder, held_back_list=tmp_path / "none.txt")
    with pytest.raises(OptionError, match=r"none\.txt cannot be read"):
        held_back_by_list(source, read_pictures(source))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(OptionError, match="holds no pictures"):
        read_pictures(Source(tmp_path))


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(OptionError, match="is not a folder"):
        read_pictures(Source(tmp_path / "none"))


def test_a_split_needs_a_data_set(rated, tmp_path):
    shutil.copy(rated.paths[0], tmp_path)
    with pytest.raises(OptionError, match="name it with --dataset"):
        read_pictures(Source(tmp_path, split="train"))
