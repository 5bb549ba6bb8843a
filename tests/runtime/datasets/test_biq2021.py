import pytest

from deepbiq.datasets import DataSetError, read_biq2021

TRAIN = "Train (Images and MOS).csv"
TEST = "Test (Images and MOS).csv"


@pytest.fixture
def root(tmp_path):
    """A miniature in the official layout, with its warts: empty columns, other case."""
    (tmp_path / "Images").mkdir()
    for name in ("ss01 (1).jpg", "ss02 (7).JPG", "ss03 (3).jpg"):
        (tmp_path / "Images" / name).touch()
    (tmp_path / TRAIN).write_text("Image Name,MOS,,\nss01 (1).jpg,0.25,,\nss02 (7).jpg,1,,\n")
    (tmp_path / TEST).write_text("Image Name,MOS\nss03 (3).jpg,0\n")
    return tmp_path


def test_reads_the_official_layout(root):
    train = read_biq2021(root, "train")
    assert [(picture.path.name, picture.mos, picture.subset) for picture in train] == [
        ("ss01 (1).jpg", 25.0, "ss01"),
        ("ss02 (7).JPG", 100.0, "ss02"),
    ]
    assert [(picture.path.name, picture.mos) for picture in read_biq2021(root, "test")] == [("ss03 (3).jpg", 0.0)]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("", "no rows"),
        ("ss09 (9).jpg,0.5", r"line 2: 'ss09 \(9\)\.jpg' is missing"),
        ("ss01 (1).jpg,1.01", r"'1\.01', expected 0\.\.1"),
        ("ss01 (1).jpg,-0.1", "expected 0"),
        ("ss01 (1).jpg,nan", "expected 0"),
        ("ss01 (1).jpg,good", "'good'"),
        ("ss01 (1).jpg", "expected a file name and a score"),
        ("ss01 (1).jpg,0.5,x", "expected a file name and a score"),
        ("ss01 (1).jpg,0.5\nSS01 (1).JPG,0.5", "line 3: .* occurs twice"),
        ("a.jpg,0.5\nb.jpg,7", r"line 2: .*line 3: "),
    ],
)
def test_faults_are_listed(root, rows, fault):
    (root / TEST).write_text(f"Image Name,MOS\n{rows}")
    with pytest.raises(DataSetError, match=fault):
        read_biq2021(root, "test")


def test_many_faults_are_counted(root):
    (root / TEST).write_text("Image Name,MOS\n" + "".join(f"x{i}.jpg,0.5\n" for i in range(25)))
    with pytest.raises(DataSetError, match="and 15 more"):
        read_biq2021(root, "test")


@pytest.mark.parametrize("missing", ["Images", TEST])
def test_another_layout_is_refused(root, missing):
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DataSetError, match="not BIQ2021's official layout"):
        read_biq2021(root, "test")


def test_the_real_data_set(biq2021):
    train, test = read_biq2021(biq2021, "train"), read_biq2021(biq2021, "test")
    assert {picture.subset for picture in train + test} == {"ss01", "ss02", "ss03"}
    assert not {picture.path for picture in train} & {picture.path for picture in test}
    assert all(0 <= picture.mos <= 100 and picture.path.is_file() for picture in train + test)
