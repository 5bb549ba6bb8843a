import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepbiq.camera.events import State
from deepbiq.camera.folder_reader import MAX_WAITING, Arrivals
from deepbiq.camera.readers import ReadingOptions
from deepbiq.camera.sources import parse_source
from deepbiq.errors import ImageError
from deepbiq.imaging import Limits
from tests.runtime.camera.watching import QUICK, nothing_left, wait_until, watching


def encoded(level: int, ending: str = ".png", size: int = 64) -> bytes:
    return cv2.imencode(ending, np.full((size, size, 3), level, np.uint8))[1].tobytes()


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def watched(folder):
    with nothing_left(), watching(parse_source(str(folder)), QUICK) as watched:
        watched.wait_for(State.LIVE)
        yield watched


def test_a_picture_that_was_written_arrives_with_its_path(watched, folder):
    (folder / "a.png").write_bytes(encoded(77))
    frame = watched.next_frame()
    assert frame.path == str(folder / "a.png")
    assert np.all(frame.bgr == 77)
    assert (frame.number, frame.media_s) == (1, None)


def test_a_picture_arrives_when_it_is_closed_not_before(watched, folder):
    data = encoded(77)
    with open(folder / "a.png", "wb") as slow:
        slow.write(data[:100])
        slow.flush()
        (folder / "b.png").write_bytes(encoded(88))
        assert watched.next_frame().path == str(folder / "b.png")
        slow.write(data[100:])
    assert watched.next_frame().path == str(folder / "a.png")
    assert watched.faults() == []


def test_a_picture_moved_in_or_renamed_arrives_once(watched, folder, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(1))
    (tmp_path / "a.png").rename(folder / "a.png")
    assert watched.next_frame().path == str(folder / "a.png")
    (folder / ".b.png.tmp").write_bytes(encoded(2))
    (folder / ".b.png.tmp").rename(folder / "b.png")
    assert watched.next_frame().path == str(folder / "b.png")
    assert watched.board.wait(0.2) == []


def test_what_is_no_picture_by_its_name_is_left_alone(watched, folder):
    for name in ("notes.txt", ".hidden.png", "noending"):
        (folder / name).write_bytes(b"x")
    (folder / "sub.png").mkdir()
    (folder / "a.JPG").write_bytes(encoded(9, ".jpg"))
    assert watched.next_frame().path == str(folder / "a.JPG")
    assert watched.faults() == []


def test_pictures_that_were_there_before_are_not_looked_at(folder):
    (folder / "old.png").write_bytes(encoded(1))
    with watching(parse_source(str(folder))) as watched:
        watched.wait_for(State.LIVE)
        (folder / "new.png").write_bytes(encoded(2))
        assert watched.next_frame().path == str(folder / "new.png")


def test_no_picture_is_dropped_however_late_they_are_taken(watched, folder):
    for number in range(25):
        (folder / f"{number:02}.png").write_bytes(encoded(number))
    frames = [watched.next_frame() for _ in range(25)]
    assert [frame.number for frame in frames] == list(range(1, 26))
    assert [Path(frame.path).name for frame in frames] == [f"{number:02}.png" for number in range(25)]
    assert watched.board.dropped("door") == 0


def test_a_damaged_picture_is_a_fault_and_the_next_one_is_scored(watched, folder):
    (folder / "bad.png").write_bytes(encoded(1)[:60])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "good.png").write_bytes(encoded(2))
    assert watched.next_frame().path == str(folder / "good.png")
    wait_until(lambda: len(watched.faults()) == 2, "both are told")
    bad, empty = watched.faults()
    assert bad.startswith(str(folder / "bad.png"))
    assert empty == f"{folder / 'empty.jpg'}: empty: 0 bytes"
    assert State.LOST not in watched.states()


def test_pictures_are_decoded_within_the_limits_and_at_the_size_that_is_needed(folder):
    options = ReadingOptions(limits=Limits(max_pixels=300 * 300), min_short_side=64)
    with watching(parse_source(str(folder)), options) as watched:
        watched.wait_for(State.LIVE)
        (folder / "huge.jpg").write_bytes(encoded(1, ".jpg", 301))
        (folder / "large.jpg").write_bytes(encoded(1, ".jpg", 256))
        assert watched.next_frame().bgr.shape == (64, 64, 3)
        wait_until(watched.faults, "the large one is told")
        assert "the limit is 0.09 (max_pixels)" in watched.faults()[0]


def test_a_folder_that_disappears_is_lost_and_comes_back_with_what_arrived_meanwhile(watched, folder, tmp_path):
    (folder / "a.png").write_bytes(encoded(1))
    watched.next_frame()
    shutil.rmtree(folder)
    assert str(folder) in watched.wait_for(State.LOST).detail
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b.png").write_bytes(encoded(2))
    (tmp_path / "new").rename(folder)
    assert watched.next_frame().path == str(folder / "b.png")
    back = watched.wait_for(State.LIVE, times=2)
    assert back.reconnects == 1
    (folder / "c.png").write_bytes(encoded(3))
    assert watched.next_frame().path == str(folder / "c.png")


def test_another_folder_in_its_place_is_noticed_and_old_pictures_in_it_are_not_taken(watched, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "old.png").write_bytes(encoded(1))
    folder.rename(tmp_path / "away")
    other.rename(folder)
    watched.wait_for(State.LIVE, times=2)
    (folder / "new.png").write_bytes(encoded(2))
    assert watched.next_frame().path == str(folder / "new.png")


def test_a_folder_that_is_silent_is_not_lost(folder):
    options = ReadingOptions(open_timeout_s=0.1, read_timeout_s=0.1)
    with watching(parse_source(str(folder)), options) as watched:
        watched.wait_for(State.LIVE)
        assert watched.board.wait(2.2) == []  # longer than the timeouts and the grace together
    assert watched.states() == [State.OPENING, State.LIVE]


def test_stopping_does_not_wait_for_pictures_to_be_taken(folder):
    with nothing_left(), watching(parse_source(str(folder))) as watched:
        watched.wait_for(State.LIVE)
        for number in range(5):
            (folder / f"{number}.png").write_bytes(encoded(number))
        watched.frame_that(lambda frame: frame.number == 2)


def test_pictures_beyond_what_may_wait_are_reported_one_by_one():
    arrivals = Arrivals()
    for number in range(MAX_WAITING + 2):
        arrivals.add(f"{number}.png")
    arrivals.add("0.png")  # waits already
    for number in (MAX_WAITING, MAX_WAITING + 1):
        with pytest.raises(ImageError) as refused:
            arrivals.next(0)
        assert str(refused.value) == f"{number}.png: not scored: {MAX_WAITING} pictures were waiting already"
    assert [arrivals.next(0) for _ in range(MAX_WAITING)] == [f"{number}.png" for number in range(MAX_WAITING)]
    assert arrivals.next(0) is None


def test_no_descriptor_is_left_when_a_folder_comes_and_goes(watched, folder):
    for times in (1, 2):
        shutil.rmtree(folder)
        watched.wait_for(State.LOST, times)
        os.mkdir(folder)
        watched.wait_for(State.LIVE, times + 1)
