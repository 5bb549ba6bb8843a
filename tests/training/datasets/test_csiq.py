import pytest

pytest.importorskip("openpyxl", reason="install deepbiq[train] or deepbiq[bench]")

from deepbiq.datasets import DataSetError
from deepbiq_training.datasets.csiq import HEADING, read_csiq
from tests.training.datasets.layouts import told, touch, write_xlsx

ROWS = [
    [1600, 1, "noise", 1, 0.061, 0.062],
    ["snow_leaves", 2, "jpeg 2000", 5, 0.0, 1.0],
    ["snow_leaves", 3, "contrast", 4, 0.1, 0],
]
TOLD = [
    ("1600.AWGN.1.png", 93.8, 6.1, "noise", "1600"),
    ("snow_leaves.jpeg2000.5.png", 0.0, 0.0, "jpeg 2000", "snow_leaves"),
    ("snow_leaves.contrast.4.png", 100.0, 10.0, "contrast", "snow_leaves"),
]
PICTURES = ("awgn/1600.AWGN.1.png", "jpeg2000/snow_leaves.jpeg2000.5.png", "contrast/snow_leaves.contrast.4.png")


def write_workbook(root, rows, sheet="all_by_image"):
    """The official sheet: title rows, then the table from column D on."""
    table = [["CSIQ"], [], [], *([None, None, None, *row] for row in [HEADING, *rows])]
    write_xlsx(root / "csiq.DMOS.xlsx", **{"all_by_distortion": [["other"]], sheet: table})


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "dst_imgs", *PICTURES)
    return tmp_path


def test_the_official_workbook_turned_around(root):
    write_workbook(root, ROWS)
    assert told(read_csiq(root)) == TOLD


def test_pictures_all_in_one_folder(tmp_path):
    touch(tmp_path / "dst_imgs", *(name.partition("/")[2] for name in PICTURES))
    write_workbook(tmp_path, ROWS)
    assert told(read_csiq(tmp_path)) == TOLD


@pytest.mark.parametrize("heading", [[], [HEADING]])
@pytest.mark.parametrize(("name", "separator"), [("csiq_dmos.txt", "\t"), ("csiq.DMOS.csv", ",")])
def test_the_sheet_as_text(root, name, separator, heading):
    lines = [separator.join(map(str, row)) for row in [*heading, *ROWS]]
    (root / name).write_text("\n".join(lines))
    assert told(read_csiq(root)) == TOLD


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([1600, 1, "noise", 2, 0.1, 0.5], r"row 5: '1600\.AWGN\.2\.png' is missing from dst_imgs"),
        ([1600, 1, "fog", 1, 0.1, 0.5], "row 5: unknown distortion 'fog'"),
        ([1600, 1, "noise", 1, 0.1, 1.01], r"score 1\.01, expected 0\.\.1"),
        ([1600, 1, "noise", 1, 0.1, "bad"], "score 'bad'"),
        ([1600, 1, "noise", 1, 0.1, None], "score None"),
        ([1600, 1, "noise", 1, 2, 0.5], "standard deviation 2"),
    ],
)
def test_faults_are_listed(root, row, fault):
    write_workbook(root, [row])
    with pytest.raises(DataSetError, match=fault):
        read_csiq(root)


def test_a_row_that_occurs_twice_is_listed(root):
    write_workbook(root, [*ROWS, ROWS[0]])
    with pytest.raises(DataSetError, match=r"row 8: '1600\.AWGN\.1\.png' occurs twice"):
        read_csiq(root)


def test_an_empty_table_is_refused(root):
    write_workbook(root, [])
    with pytest.raises(DataSetError, match="no rows"):
        read_csiq(root)


def test_a_workbook_without_the_sheet_is_refused(root):
    write_workbook(root, ROWS, sheet="Tabelle1")
    with pytest.raises(DataSetError, match="no sheet 'all_by_image', only all_by_distortion, Tabelle1"):
        read_csiq(root)


def test_a_damaged_workbook_is_named(root):
    (root / "csiq.DMOS.xlsx").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataSetError, match=r"csiq\.DMOS\.xlsx: not a workbook"):
        read_csiq(root)


def test_another_layout_is_refused(root):
    with pytest.raises(DataSetError, match=r"not CSIQ's official layout: .*csiq\.DMOS\.xlsx"):
        read_csiq(root)
    write_workbook(root, ROWS)
    (root / "dst_imgs").rename(root / "pictures")
    with pytest.raises(DataSetError, match=r"not CSIQ's official layout: .*dst_imgs"):
        read_csiq(root)
