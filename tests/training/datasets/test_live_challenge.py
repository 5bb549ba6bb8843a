import pytest

pytest.importorskip("scipy", reason="install deepbiq[train] or deepbiq[bench]")

from deepbiq.datasets import DataSetError
from deepbiq_training.datasets.live_challenge import TRAINING_PICTURES, read_live_challenge
from tests.training.datasets.layouts import cell_column, row_vector, told, touch, write_mat

PICTURES = ("3.bmp", "4.bmp", "1030.JPG")
MOS = (63.9634, 0.0, 92.5)
STD = (19.5, 17.25, 12.0)


def write(root, names=PICTURES, mos=MOS, std=STD):
    training = len(TRAINING_PICTURES)
    data = root / "Data"
    write_mat(data / "AllImages_release.mat", AllImages_release=cell_column([*TRAINING_PICTURES, *names]))
    write_mat(data / "AllMOS_release.mat", AllMOS_release=row_vector([50.0] * training + [*mos]))
    write_mat(data / "AllStdDev_release.mat", AllStdDev_release=row_vector([20.0] * training + [*std]))


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "Images", *PICTURES)
    touch(tmp_path / "Images" / "trainingImages", *TRAINING_PICTURES)
    write(tmp_path)
    return tmp_path


def test_reads_the_official_layout_without_the_training_pictures(root):
    assert told(read_live_challenge(root)) == [
        ("3.bmp", 63.9634, 19.5, "", ""),
        ("4.bmp", 0.0, 17.25, "", ""),
        ("1030.JPG", 92.5, 12.0, "", ""),
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"names": ("3.bmp", "5.bmp", "1030.JPG")}, r"entry 9: '5\.bmp' is missing from Images"),
        ({"names": ("3.bmp", "4.bmp", "3.bmp")}, r"entry 10: '3\.bmp' occurs twice"),
        ({"mos": (63.0, 100.5, 92.5)}, r"entry 9: '4\.bmp' has score 100\.5, expected 0\.\.100"),
        ({"mos": (63.0, float("nan"), 92.5)}, "has score nan"),
        ({"std": (19.5, -1.0, 12.0)}, r"'4\.bmp' has standard deviation -1\.0"),
        ({"mos": (-1.0, 101.0, 92.5)}, "entry 8: .*; entry 9: "),
        ({"mos": MOS[:2]}, "columns differ in length: .*'AllMOS_release': 9"),
        ({"names": ("3.bmp", "", "1030.JPG")}, "entry 9: '' is missing"),
        ({"names": (), "mos": (), "std": ()}, "no rows"),
    ],
)
def test_faults_are_listed(root, change, fault):
    write(root, **change)
    with pytest.raises(DataSetError, match=fault):
        read_live_challenge(root)


@pytest.mark.parametrize("missing", ["Images", "Data/AllMOS_release.mat", "Data"])
def test_another_layout_is_refused(root, missing):
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DataSetError, match=r"not LIVE In the Wild .* official layout"):
        read_live_challenge(root)


@pytest.mark.parametrize("content", [b"", b"no MATLAB file", None])
def test_a_damaged_file_is_named(root, content):
    path = root / "Data" / "AllMOS_release.mat"
    path.write_bytes(path.read_bytes()[:150] if content is None else content)
    with pytest.raises(DataSetError, match=r"AllMOS_release\.mat: not a MATLAB file"):
        read_live_challenge(root)


def test_a_file_with_another_variable_is_refused(root):
    write_mat(root / "Data" / "AllMOS_release.mat", mos=row_vector(MOS))
    with pytest.raises(DataSetError, match="no variable 'AllMOS_release'"):
        read_live_challenge(root)


def test_a_variable_of_another_kind_is_refused(root):
    write_mat(root / "Data" / "AllMOS_release.mat", AllMOS_release={"mean": 50.0})
    with pytest.raises(DataSetError, match="'AllMOS_release' holds neither numbers nor words"):
        read_live_challenge(root)
