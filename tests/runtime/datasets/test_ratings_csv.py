from pathlib import Path

import pytest

from deepbiq.datasets import DataSetError, RatedPicture, RatingScale, read_ratings_csv


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "b.jpg", "sub/c.png"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def table(folder):
    def write(text):
        path = folder / "ratings.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_path_and_mos_are_enough(folder, table):
    pictures = read_ratings_csv(table("path,mos\na.jpg,12.5\nsub/c.png,100\n"))
    assert pictures == [RatedPicture(folder / "a.jpg", 12.5), RatedPicture(folder / "sub" / "c.png", 100.0)]


def test_columns_in_any_order_on_a_stated_scale(folder, table):
    text = f"\ufeffgroup,MOS,std,path\nbeach,1,0.5,a.jpg\n\nbeach,5,,{folder / 'b.jpg'}\n"
    pictures = read_ratings_csv(table(text), RatingScale(1, 5, lower_is_better=True))
    assert pictures == [
        RatedPicture(folder / "a.jpg", 100.0, std=12.5, group="beach"),
        RatedPicture(folder / "b.jpg", 0.0, std=None, group="beach"),
    ]


def test_a_folder_stands_for_its_ratings_csv(folder, table):
    table("path,mos\na.jpg,50\n")
    assert read_ratings_csv(folder) == [RatedPicture(folder / "a.jpg", 50.0)]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("path,mos\n", "no rows"),
        ("path,mos\nz.jpg,50", r"line 2: 'z\.jpg' is missing from"),
        ("path,mos\nsub,50", "line 2: 'sub' is missing from"),
        ("path,mos\n,50", "line 2: '' is missing from"),
        ("path,mos\na.jpg,100.1", r"line 2: 'a\.jpg' has score '100\.1', expected 0\.\.100"),
        ("path,mos\na.jpg", "has score None"),
        ("path,mos\na.jpg,inf", "has score 'inf'"),
        ("path,mos\na.jpg,1\nb.jpg,1\n./a.jpg,2", r"line 4: '\./a\.jpg' occurs twice"),
        ("path,mos,std\na.jpg,1,-1", "'-1'"),
        ("path,mos,std\na.jpg,1,nan", "standard deviation 'nan'"),
        ("path,mos,std\na.jpg,1,101", "standard deviation '101'"),
        ("path,mos,group\na.jpg,1,x\nb.jpg,1,", r"line 3: 'b\.jpg' has no group"),
        ("path,mos\nz.jpg,50\na.jpg,-1", r"line 2: .*; line 3: "),
        ("", r"heading must be path,mos\[,std\]\[,group\]; got ''"),
        ("a.jpg,50", "heading must be"),
        ("path,score\na.jpg,50", "heading must be"),
        ("path,mos,sd\na.jpg,50,1", "got 'path,mos,sd'"),
        ("path,mos,mos\na.jpg,50,1", "heading must be"),
    ],
)
def test_faults_are_listed(table, rows, fault):
    with pytest.raises(DataSetError, match=fault):
        read_ratings_csv(table(rows))


def test_a_picture_under_several_spellings_occurs_twice(folder, table):
    rows = ["a.jpg,1", "sub/../a.jpg,2", f"../{folder.name}/a.jpg,3", f"{folder / 'a.jpg'},4", "b.jpg,5"]
    with pytest.raises(DataSetError) as caught:
        read_ratings_csv(table("\n".join(["path,mos", *rows])))
    message = str(caught.value)
    assert message.count("occurs twice") == 3
    assert all(f"line {number}: " in message for number in (3, 4, 5))


def test_spellings_are_compared_from_the_working_folder_too(folder, table, monkeypatch):
    table(f"path,mos\na.jpg,1\n{folder / 'a.jpg'},2\n")
    monkeypatch.chdir(folder)
    with pytest.raises(DataSetError, match=r"line 3: .*a\.jpg' occurs twice"):
        read_ratings_csv(Path())


def test_what_is_no_text_is_refused(folder):
    (folder / "ratings.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataSetError, match="not a CSV file in UTF-8"):
        read_ratings_csv(folder)


def test_a_missing_file_is_refused(folder):
    with pytest.raises(DataSetError, match=r"none.csv cannot be read"):
        read_ratings_csv(folder / "none.csv")
