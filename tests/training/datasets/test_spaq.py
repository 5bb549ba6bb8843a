import pytest

pytest.importorskip("openpyxl", reason="install deepbiq[train] or deepbiq[bench]")

from deepbiq.datasets import DataSetError
from deepbiq_training.datasets.spaq import WORKBOOK, read_spaq
from tests.training.datasets.layouts import told, touch, write_xlsx

HEADING = ["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"]
PICTURES = ("00001.jpg", "00002.jpg", "11125.JPG")
ROWS = [
    ["00001.jpg", 32.44, 40, 41, 42, 43, 44],
    ["00002.jpg", 0, 50, 51, 52, 53, 54],
    ["11125.jpg", 100, 1, 2, 3, 4, 5],
]


def write(root, rows, folder="Annotations"):
    write_xlsx(root / folder / WORKBOOK, Sheet1=[HEADING, *rows])


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "TestImage", *PICTURES)
    return tmp_path


@pytest.mark.parametrize("folder", ["Annotations", "."])
def test_reads_the_official_layout(root, folder):
    write(root, ROWS, folder)
    assert told(read_spaq(root)) == [
        ("00001.jpg", 32.44, None, "", ""),
        ("00002.jpg", 0.0, None, "", ""),
        ("11125.JPG", 100.0, None, "", ""),
    ]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([["3.jpg", 50]], r"row 2: '3\.jpg' is missing from TestImage"),
        ([["00001.jpg", 100.5]], r"score 100\.5, expected 0\.\.100"),
        ([["00001.jpg", None]], "score None"),
        ([["00001.jpg", "-"]], "score '-'"),
        ([ROWS[0], ["00002.jpg", -1], ROWS[0]], r"row 3: .*-1.*; row 4: '00001\.jpg' occurs twice"),
        ([], "no rows"),
    ],
)
def test_faults_are_listed(root, rows, fault):
    write(root, rows)
    with pytest.raises(DataSetError, match=fault):
        read_spaq(root)


def test_a_workbook_of_something_else_is_refused(root):
    write_xlsx(root / "Annotations" / WORKBOOK, Sheet1=[["Image name", "Animal"], ["00001.jpg", 1]])
    with pytest.raises(DataSetError, match="no heading with Image name, MOS"):
        read_spaq(root)


def test_another_layout_is_refused(root):
    with pytest.raises(DataSetError, match="not SPAQ's official layout"):
        read_spaq(root)
    write(root, ROWS)
    (root / "TestImage").rename(root / "Images")
    with pytest.raises(DataSetError, match="not SPAQ's official layout"):
        read_spaq(root)
