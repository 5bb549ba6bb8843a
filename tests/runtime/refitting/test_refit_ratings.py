"""Ratings as people write them: every fault is named with its line and its value."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from deepbiq.datasets import DataSetError, RatingScale
from deepbiq.refitting.ratings import read_ratings

POINTS = RatingScale(0, 100)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png", "deeper/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def read(folder, text, scale=POINTS, encoding="utf-8"):
    (folder / "ratings.csv").write_text(text, encoding=encoding)
    return read_ratings(folder / "ratings.csv", scale)


def test_scores_are_read_with_extra_columns_and_in_any_order(folder):
    found = read(folder, "who,score,path\nme,70,a.png\nme,20.5,deeper/c.png\n")
    assert found.paths == (folder / "a.png", folder / "deeper/c.png")
    assert found.scores.tolist() == [70, 20.5]
    assert found.judged.tolist() == [[0], [1]]
    assert found.sha256 == hashlib.sha256((folder / "ratings.csv").read_bytes()).hexdigest()


def test_a_byte_order_mark_capitals_and_the_column_of_a_data_set_are_fine(folder):
    found = read(folder, "Path,MOS,group\na.png,1,x\nb.png,5,\n", RatingScale(1, 5), "utf-8-sig")
    assert found.scores.tolist() == [0, 100]
    assert found.groups == ("x", "")


def test_scores_where_lower_is_better_are_turned_round(folder):
    found = read(folder, "path,score\na.png,1\nb.png,2\n", RatingScale(0, 4, lower_is_better=True))
    assert found.scores.tolist() == [75, 50]


def test_paths_may_be_absolute(folder):
    assert read(folder, f"path,score\n{folder / 'b.png'},3\n").paths == (folder / "b.png",)


def test_preferences_number_each_picture_once(folder):
    found = read(folder, "better,worse\na.png,b.png\ndeeper/c.png,a.png\na.png,b.png\n")
    assert found.scores is None
    assert found.paths == (folder / "a.png", folder / "b.png", folder / "deeper/c.png")
    np.testing.assert_array_equal(found.judged, [[0, 1], [2, 0], [0, 1]])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "an empty file"),
        ("path,score\n", "no rows"),
        ("file,score\na.png,3\n", "got 'file,score'"),
        ("path,score,better,worse\n", "must name the columns"),
        ("path,score\na.png,good\n", "line 2: 'a.png' has score 'good', expected 0..100"),
        ("path,score\na.png,nan\n", "line 2: 'a.png' has score 'nan'"),
        ("path,score\na.png,inf\n", "line 2: 'a.png' has score 'inf'"),
        ("path,score\na.png,1\nb.png,101\n", "line 3: 'b.png' has score '101', expected 0..100"),
        ("path,score\na.png,1\nb.png\n", "line 3: 'b.png' has score ''"),
        ("path,score\na.png,1\na.png,2\n", "line 3: 'a.png' occurs twice"),
        ("path,score\na.png,1\nno.png,2\nnor.png,2\n", "line 3: 'no.png' is missing.*line 4: 'nor.png' is missing"),
        ("path,score\n3,a.png\n", "line 2: '3' has score 'a.png'"),
        (f"path,score\n{'x' * 5000},3\n", "is missing"),
        (",score\n", "must name"),
        ("better,worse\na.png,a.png\n", "line 2: 'a.png' cannot be better than itself"),
        ("better,worse\na.png,no.png\n", "line 2: 'no.png' is missing"),
        ("better,worse\n", "no rows"),
    ],
)
def test_faults_are_named_with_line_and_value(folder, text, fault):
    with pytest.raises(DataSetError, match=fault) as caught:
        read(folder, text)
    assert str(folder / "ratings.csv") in str(caught.value)


def test_what_is_no_text_and_what_is_not_there_are_named(folder):
    (folder / "ratings.csv").write_bytes(b"path,score\n\xff\xfe,3\n")
    with pytest.raises(DataSetError, match="not a CSV file in UTF-8"):
        read_ratings(folder / "ratings.csv", POINTS)
    with pytest.raises(DataSetError, match=r"none.csv cannot be read: No such file"):
        read_ratings(folder / "none.csv", POINTS)
