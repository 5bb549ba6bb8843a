import pytest

from deepbiq.camera.quota import Quota
from deepbiq.errors import OptionError


def put(folder, second, size=1000, *, camera="front"):
    picture = folder / f"{camera}-20240101T0000{second:02d}.000Z-50.0.jpg"
    picture.write_bytes(bytes(size - 100))
    picture.with_suffix(".json").write_bytes(bytes(100))
    return picture


def test_knows_what_an_earlier_process_kept_oldest_first_whatever_the_camera(tmp_path):
    pictures = [put(tmp_path, second, camera=name) for second, name in enumerate(["zoo", "attic", "mill", "barn"])]
    Quota(tmp_path, 4000).make_room(1500)
    assert [picture.exists() for picture in pictures] == [False, False, True, True]
    assert [picture.with_suffix(".json").exists() for picture in pictures] == [False, False, True, True]


def test_takes_nothing_where_there_is_room(tmp_path):
    pictures = [put(tmp_path, second) for second in range(3)]
    Quota(tmp_path, 4000).make_room(1000)
    assert all(picture.exists() for picture in pictures)


def test_counts_what_is_written_later(tmp_path):
    quota = Quota(tmp_path, 2000)
    pictures = []
    for second in range(5):
        quota.make_room(1000)
        pictures.append(put(tmp_path, second))
        quota.count(pictures[-1])
    assert [picture.exists() for picture in pictures] == [False, False, False, True, True]


def test_pictures_that_somebody_took_away_count_no_more(tmp_path):
    pictures = [put(tmp_path, second) for second in range(4)]
    quota = Quota(tmp_path, 4000)
    for picture in pictures[:2]:
        picture.unlink()
    quota.make_room(2000)
    assert all(picture.exists() for picture in pictures[2:])


def test_a_picture_without_its_sidecar_is_a_foreign_one(tmp_path):
    picture = put(tmp_path, 0)
    picture.with_suffix(".json").unlink()
    Quota(tmp_path, 1000).make_room(1000)
    assert picture.exists()


def test_what_never_fits_takes_nothing_away(tmp_path):
    picture = put(tmp_path, 0)
    with pytest.raises(OptionError, match="raise it"):
        Quota(tmp_path, 1000).make_room(1001)
    assert picture.exists()
