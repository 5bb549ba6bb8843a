import pytest

from deepbiq.datasets import DataSetError, find_dataset
from tests.training.datasets.layouts import told, touch

TABLE = "5.51429 I01_01_1.bmp\r\n0.0 i01_17_4.bmp\r\n9 i25_24_5.bmp\r\n"
PICTURES = ("i01_01_1.bmp", "I01_17_4.BMP", "i25_24_5.bmp")


def write(root, table=TABLE, deviations="0.09\r\n0.18\r\n0\r\n"):
    (root / "mos_with_names.txt").write_text(table)
    (root / "mos_std.txt").write_text(deviations)


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "distorted_images", *PICTURES)
    touch(tmp_path / "reference_images", "I01.BMP", "i25.bmp")
    write(tmp_path)
    return tmp_path


@pytest.fixture(params=["tid2008", "tid2013"])
def read(request):
    return lambda root: find_dataset(request.param).read(root, "all")


def test_reads_the_official_layout_whatever_the_case(root, read):
    assert told(read(root)) == [
        ("i01_01_1.bmp", round(551.429 / 9, 6), 1.0, "01", "I01"),
        ("I01_17_4.BMP", 0.0, 2.0, "17", "I01"),
        ("i25_24_5.bmp", 100.0, 0.0, "24", "I25"),
    ]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("5 i02_01_1.bmp", r"line 1: 'i02_01_1\.bmp' is missing from distorted_images"),
        ("9.01 i01_01_1.bmp", r"score '9\.01', expected 0\.\.9"),
        ("-1 i01_01_1.bmp", "score '-1'"),
        ("x i01_01_1.bmp", "score 'x'"),
        ("5.5", "line 1: expected a score and a file name, got '5.5'"),
        ("5.5 i01.bmp", "expected a score and a file name"),
        ("i01_01_1.bmp 5.5", "expected a score and a file name"),
    ],
)
def test_faults_are_listed(root, read, table, fault):
    write(root, table, "0.1\n")
    with pytest.raises(DataSetError, match=fault):
        read(root)


def test_a_picture_that_occurs_twice_is_listed_with_the_others(root, read):
    write(root, "5 i01_01_1.bmp\n10 i01_17_4.bmp\n5 I01_01_1.BMP\n", "0\n0\n0\n")
    with pytest.raises(DataSetError, match=r"line 2: .*'10'.*; line 3: 'I01_01_1\.BMP' occurs twice"):
        read(root)


def test_an_empty_table_is_refused(root, read):
    write(root, "", "")
    with pytest.raises(DataSetError, match="no rows"):
        read(root)


def test_deviations_of_other_pictures_are_refused(root, read):
    write(root, deviations="0.1\n0.1\n")
    with pytest.raises(DataSetError, match=r"has 3 lines, mos_std\.txt 2"):
        read(root)


@pytest.mark.parametrize("missing", ["mos_with_names.txt", "mos_std.txt", "distorted_images"])
def test_another_layout_is_refused(root, read, missing):
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DataSetError, match=r"not TID20(08|13)'s official layout"):
        read(root)
