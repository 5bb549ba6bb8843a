import pytest

from deepbiq.datasets import DataSetError, find_dataset
from deepbiq_training.datasets.koniq10k import SCORES_TABLE, SETS_TABLE, read_koniq10k
from tests.training.datasets.layouts import told, touch

SETS_HEADING = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set"
SCORES_HEADING = '"image_name","c1","c2","c3","c4","c5","c_total","MOS","SD","MOS_zscore"'
SETS = """\
10004473376.jpg,0,0,0.238,0.695,0.067,105,75.25,0.4,training
10007357496.jpg,0,0.03,0.47,0.49,0.01,96,1,0.8,test
10007903636.jpg,0,0,0.2,0.8,0,96,100,0,training
10009096245.jpg,0,0,0.19,0.69,0.12,109,50.5,0.2,validation
"""
SCORES = '"10007357496.jpg",0,3,45,47,1,96,3.47917,0.8,1\n"10007903636.jpg",0,0,19,77,0,96,3.8,0,100\n'
PICTURES = tuple(line.partition(",")[0] for line in SETS.splitlines())


def write_sets(root, rows=SETS, heading=SETS_HEADING):
    (root / SETS_TABLE).write_text(f"{heading}\n{rows}")


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "1024x768", *PICTURES)
    write_sets(tmp_path)
    return tmp_path


def test_the_official_sets(root):
    assert told(read_koniq10k(root, "train")) == [
        ("10004473376.jpg", 75.0, 10.0, "training", ""),
        ("10007903636.jpg", 100.0, 0.0, "training", ""),
    ]
    assert told(read_koniq10k(root, "test")) == [("10007357496.jpg", 0.0, 20.0, "test", "")]
    assert told(read_koniq10k(root, "validation")) == [("10009096245.jpg", 50.0, 5.0, "validation", "")]


def test_all_sets_in_the_order_of_the_table(root):
    read = find_dataset("koniq10k").read(root, "all")
    assert tuple(picture.path.name for picture in read) == PICTURES


def test_one_set_needs_only_its_own_pictures(root):
    (root / "1024x768" / PICTURES[0]).unlink()
    assert len(read_koniq10k(root, "test")) == 1
    with pytest.raises(DataSetError, match=rf"line 2: '{PICTURES[0]}' is missing from 1024x768"):
        read_koniq10k(root, "train")


def test_scores_without_sets_take_the_z_score_and_only_all(root):
    (root / SETS_TABLE).unlink()
    (root / SCORES_TABLE).write_text(f"{SCORES_HEADING}\n{SCORES}")
    expected = [("10007357496.jpg", 0.0, 20.0, "", ""), ("10007903636.jpg", 100.0, 0.0, "", "")]
    assert told(read_koniq10k(root, "all")) == expected
    with pytest.raises(DataSetError, match=f"put {SETS_TABLE} beside it"):
        read_koniq10k(root, "test")


def test_pictures_at_half_size(root):
    (root / "1024x768").rename(root / "512x384")
    assert {picture.path.parent.name for picture in read_koniq10k(root, "all")} == {"512x384"}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("9.jpg,0,0,0,1,0,9,50,0.5,test", r"line 2: '9\.jpg' is missing from 1024x768"),
        ("10004473376.jpg,0,0,0,1,0,9,0.99,0.5,test", r"score '0\.99', expected 1\.\.100"),
        ("10004473376.jpg,0,0,0,1,0,9,50,4.1,test", "standard deviation"),
        ("10004473376.jpg,0,0,0,1,0,9,50,x,test", "standard deviation 'x'"),
        ("10004473376.jpg,0,0,0,1,0,9,50,0.5,dev", "unknown set 'dev'"),
        ("10004473376.jpg,0,0", "unknown set 'None'"),
        ("", "no rows"),
    ],
)
def test_faults_are_listed(root, row, fault):
    write_sets(root, row)
    with pytest.raises(DataSetError, match=fault):
        read_koniq10k(root, "test")


def test_a_picture_that_occurs_twice_is_listed(root):
    write_sets(root, SETS + SETS.splitlines()[1])
    with pytest.raises(DataSetError, match=r"line 6: '10007357496.jpg' occurs twice"):
        read_koniq10k(root, "all")


def test_a_set_without_pictures_is_refused(root):
    write_sets(root, SETS.replace("validation", "test"))
    with pytest.raises(DataSetError, match="no rows"):
        read_koniq10k(root, "validation")


def test_a_table_without_the_columns_is_refused(root):
    write_sets(root, "a.jpg,3,test", heading="image_name,score,set")
    with pytest.raises(DataSetError, match="no heading with image_name, MOS, SD, set"):
        read_koniq10k(root, "test")


@pytest.mark.parametrize("missing", [SETS_TABLE, "1024x768"])
def test_another_layout_is_refused(root, missing):
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DataSetError, match="not KonIQ-10k's official layout"):
        read_koniq10k(root, "all")
