from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from deepbiq.errors import OptionError
from deepbiq_export.golden import MAX_BYTES, golden_pictures
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def pictures():
    return golden_pictures(ROOT / "samples")


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_three_photographs_and_a_blurred_one(pictures):
    assert len(pictures) == 4
    assert sum("blurred" in name for name in pictures) == 1
    assert all(name.startswith("golden/") and name.endswith(".png") for name in pictures)


def test_pictures_are_small_in_bytes_and_larger_than_a_crop(pictures):
    assert all(len(data) <= MAX_BYTES for data in pictures.values())
    assert {decode(data).shape for data in pictures.values()} == {(256, 288, 3)}


def test_pictures_do_not_change(pictures):
    assert golden_pictures(ROOT / "samples") == pictures


def test_a_folder_without_photographs_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(OptionError, match="no photographs"):
        golden_pictures(tmp_path)


def test_a_small_photograph_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((200, 400, 3), np.uint8))
    with pytest.raises(OptionError, match="288x256"):
        golden_pictures(tmp_path)


def test_one_photograph_is_enough(tmp_path, samples):
    shutil.copy(samples[0], tmp_path / "one.jpg")
    assert set(golden_pictures(tmp_path)) == {"golden/one.png", "golden/one-blurred.png"}
