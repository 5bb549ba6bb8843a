import pytest

pytest.importorskip("scipy", reason="install deepbiq[train] or deepbiq[bench]")

from deepbiq.datasets import DataSetError
from deepbiq_training.datasets.live import FOLDERS, read_live
from tests.training.datasets.layouts import cell_row, row_vector, told, touch, write_mat

# The layout has no other index than position, so the miniature has as many (empty) pictures as the release.
NAMES = [f"{folder}/img{number}.bmp" for folder, count in FOLDERS.items() for number in range(1, count + 1)]
TOTAL = 982
ORIGINALS = ["Bikes.bmp" if number % 2 else "coinsinfountain.bmp" for number in range(TOTAL)]
KEPT = (0, 227, 460, 634, 981)
"""One picture per folder, the first four and the last; all others count as undistorted."""


def scores(values):
    entries = dict(zip(KEPT, values, strict=True))
    return row_vector([entries.get(number, 0.0) for number in range(TOTAL)])


UNDISTORTED = row_vector([0 if number in KEPT else 1 for number in range(TOTAL)])


def write_realigned(root, dmos=(-2.6, 55.0, 0.0, 111.8, 100.0), std=(1.3, 2.6, 0.0, 13.0, 26.0)):
    write_mat(root / "dmos_realigned.mat", dmos_new=scores(dmos), dmos_std=scores(std), orgs=UNDISTORTED)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("live") / "databaserelease2"
    touch(root, *NAMES)
    return root


def write_info(root):
    for folder in FOLDERS:
        lines = [
            f"{original} {name.partition('/')[2]} 0.5"
            for original, name in zip(ORIGINALS, NAMES, strict=True)
            if name.startswith(f"{folder}/")
        ]
        (root / folder / "info.txt").write_text("\n".join(lines) + "\n\n")


@pytest.fixture
def root(pictures):
    tables = ("dmos.mat", "dmos_realigned.mat", "refnames_all.mat")
    write_mat(pictures / tables[0], dmos=scores((0.0, 50.0, 23.0, 81.5, 84.5)), orgs=UNDISTORTED)
    write_realigned(pictures)
    write_mat(pictures / tables[2], refnames_all=cell_row(ORIGINALS))
    write_info(pictures)
    yield pictures
    for table in tables:
        (pictures / table).unlink(missing_ok=True)


@pytest.fixture
def hide(root):
    """Takes something away for one test; the pictures are shared by all."""
    hidden = []

    def move(name):
        (root / name).rename(root / f"{name}.hidden")
        hidden.append(name)

    yield move
    for name in hidden:
        (root / f"{name}.hidden").rename(root / name)


def test_realigned_scores_turned_around_and_originals_left_out(root):
    read = read_live(root)
    assert told(read) == [
        ("img1.bmp", round((120 + 2.6) / 1.3, 6), 1.0, "jp2k", "coinsinfountain"),
        ("img1.bmp", 50.0, 2.0, "jpeg", "bikes"),
        ("img1.bmp", round(120 / 1.3, 6), 0.0, "wn", "coinsinfountain"),
        ("img1.bmp", round(8.2 / 1.3, 6), 10.0, "gblur", "coinsinfountain"),
        ("img174.bmp", round(20 / 1.3, 6), 20.0, "fastfading", "bikes"),
    ]
    assert [picture.path.parent.name for picture in read] == list(FOLDERS)


def test_scores_as_first_released_have_no_deviations(root):
    (root / "dmos_realigned.mat").unlink()
    read = read_live(root)
    assert [round(picture.mos * 1.3, 6) for picture in read] == [120.0, 70.0, 97.0, 38.5, 35.5]
    assert {picture.std for picture in read} == {None}


def test_info_files_name_the_originals_too(root):
    expected = read_live(root)
    (root / "refnames_all.mat").unlink()
    assert read_live(root) == expected


def test_a_picture_that_info_files_do_not_know_is_listed(root):
    (root / "refnames_all.mat").unlink()
    info = root / "wn" / "info.txt"
    info.write_text(info.read_text().partition("\n")[2])
    with pytest.raises(DataSetError, match=r"entry 461: 'wn/img1\.bmp' has no original in info\.txt"):
        read_live(root)


def test_scores_out_of_range_are_listed(root):
    write_realigned(root, dmos=(-11.0, 55.0, 0.0, 121.0, 100.0))
    with pytest.raises(DataSetError, match=r"entry 1: .*-11\.0, expected -10\.\.120; entry 635: .*121\.0"):
        read_live(root)


def test_a_missing_picture_is_listed_under_its_own_number(root, hide):
    hide("jpeg/img1.bmp")
    with pytest.raises(DataSetError, match=r"entry 228: 'jpeg/img1\.bmp' is missing"):
        read_live(root)


def test_only_undistorted_pictures_are_no_data_set(root):
    write_mat(root / "dmos_realigned.mat", dmos_new=scores([0] * 5), dmos_std=scores([0] * 5), orgs=[[1] * TOTAL])
    with pytest.raises(DataSetError, match="no rows"):
        read_live(root)


def test_a_vector_of_another_length_is_refused(root):
    short = {name: row_vector([1.0] * 779) for name in ("dmos_new", "dmos_std", "orgs")}
    write_mat(root / "dmos_realigned.mat", **short)
    with pytest.raises(DataSetError, match="'dmos_new' has 779 entries, expected 982"):
        read_live(root)


@pytest.mark.parametrize(
    "missing", [["wn"], ["dmos.mat", "dmos_realigned.mat"], ["refnames_all.mat", "wn/info.txt"]]
)
def test_another_layout_is_refused(root, hide, missing):
    for name in missing:
        hide(name)
    with pytest.raises(DataSetError, match=r"not LIVE .* release 2's official layout"):
        read_live(root)
