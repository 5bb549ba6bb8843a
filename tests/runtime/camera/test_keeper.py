import json
import os
import re
import threading
import time
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepbiq.camera import kept_files
from deepbiq.camera.candidate import JPEG_SIDE
from deepbiq.camera.config import BestSection
from deepbiq.camera.events import Fault, Kept
from deepbiq.camera.keeper import MOST_WAITING, BurstKeeper
from deepbiq.camera.open_bursts import MOST_PIXELS, MOST_TRIGGERS
from deepbiq.errors import OptionError
from deepbiq.imaging import decode_bytes
from tests.runtime.camera.burst_material import result

DEADLINE_S = 20


class Announced:
    """What a keeper announced, with waiting for it."""

    def __init__(self):
        self.events = []
        self._more = threading.Condition()

    def __call__(self, event):
        with self._more:
            self.events.append(event)
            self._more.notify()

    def wait(self, count):
        with self._more:
            assert self._more.wait_for(lambda: len(self.events) >= count, DEADLINE_S), self.events
        return self.events

    def kept(self):
        return [event for event in self.events if isinstance(event, Kept)]

    def faults(self):
        return [event for event in self.events if isinstance(event, Fault)]


@pytest.fixture
def announced():
    return Announced()


@pytest.fixture
def keep(tmp_path, announced):
    """Makes keepers of the folder `best`, and closes them."""
    keepers = []

    def make(*, accept=0.0, **section):
        section.setdefault("folder", tmp_path / "best")
        keepers.append(BurstKeeper(BestSection(**section), lambda camera: accept, announced))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.close()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def give(keeper, *scores, start, camera="front", pause=0.1):
    for index, score in enumerate(scores):
        at = start + index * pause
        keeper.offer(result(score, at, camera=camera, number=index, captured_at=1_700_000_000.25 + index * pause))


def test_the_best_of_a_window_is_on_disk_when_it_is_announced(keep, announced, tmp_path):
    keeper = keep(window_s=1, count=2)
    now = time.monotonic()
    give(keeper, 50, 90.04, 70, start=now)
    keeper.offer(result(10, now + 1.0))
    (best, second) = announced.wait(2)[:2]
    assert best == Kept(
        "front",
        str(tmp_path / "best" / "front-20231114T221320.350Z-90.0.jpg"),
        90.04,
        1_700_000_000.35,
        "window",
    )
    assert (second.score, Path(second.path).name) == (70, "front-20231114T221320.450Z-70.0.jpg")
    picture = decode_bytes(Path(best.path).read_bytes()).bgr
    assert picture.shape == (64, 80, 3)
    assert abs(picture.astype(int) - 180).max() <= 2
    about = json.loads(Path(best.path).with_suffix(".json").read_text())
    assert about["score"] == 90.04
    assert (about["camera"], about["label"], about["verdict"], about["reasons"], about["model"]) == (
        "front", "excellent", "accept", ["noisy"], "tiny-0",
    )  # fmt: skip
    assert (about["captured_at"], about["frame"], about["reason"]) == (1_700_000_000.35, 1, "window")


def test_a_window_ends_without_another_frame(keep, announced):
    keeper = keep(window_s=0.2)
    give(keeper, 60, start=time.monotonic())
    assert announced.wait(1)[0].score == 60


@pytest.mark.parametrize(
    ("section", "why"), [({}, "reached accept (best.only_accepted)"), ({"only_accepted": False}, "was scored")]
)
def test_a_trigger_that_keeps_nothing_is_a_fault_that_says_why(keep, announced, section, why):
    keeper = keep(accept=50.0, before_s=3, after_s=0.5, **section)
    if not section:
        give(keeper, 30, 49, start=time.monotonic())
    keeper.trigger("bell")
    keeper.close()
    (fault,) = announced.events
    assert fault.what == f"trigger 'bell' kept nothing: from 3 s before it to 0.5 s after it no frame {why}"


def test_a_trigger_keeps_the_best_around_it(keep, announced):
    keeper = keep(before_s=60, after_s=30)
    now = time.monotonic()
    give(keeper, 80, 50, start=now - 10)
    give(keeper, 99, start=now - 100, camera="back")
    give(keeper, 40, start=now - 1, camera="back")
    keeper.trigger("doorbell")
    give(keeper, 85, start=now + 1)
    give(keeper, 99, start=now + 80)
    keeper.close()
    assert sorted((event.camera, event.score, event.reason) for event in announced.events) == [
        ("back", 40, "doorbell"),
        ("front", 85, "doorbell"),
    ]


def test_a_frame_of_two_bursts_is_one_file(keep, announced, tmp_path):
    keeper = keep(window_s=600, before_s=60, after_s=0.1)
    give(keeper, 80, 50, start=time.monotonic() - 1)
    keeper.trigger("doorbell")
    announced.wait(1)
    keeper.close()
    assert [event.reason for event in announced.kept()] == ["doorbell", "window"]
    assert len({event.path for event in announced.kept()}) == 1
    assert len(files(tmp_path / "best")) == 2


def test_closing_keeps_what_is_open(keep, announced):
    keeper = keep(window_s=1000)
    give(keeper, 30, 60, 50, start=time.monotonic())
    keeper.trigger("last")
    keeper.close()
    keeper.close()
    assert sorted((event.reason, event.score) for event in announced.events) == [("last", 60), ("window", 60)]


def test_only_accepted_frames_are_kept_unless_asked(keep, announced):
    keeper = keep(window_s=1000, accept=55.0)
    give(keeper, 54.9, 10, start=time.monotonic())
    keeper.close()
    assert announced.events == []
    keeper = keep(window_s=1000, accept=55.0, only_accepted=False)
    give(keeper, 54.9, 10, start=time.monotonic())
    keeper.close()
    assert [event.score for event in announced.events] == [54.9]


def test_never_overwrites_a_file(keep, announced, tmp_path):
    folder = tmp_path / "best"
    folder.mkdir()
    taken = folder / "front-20231114T221320.250Z-50.0.jpg"
    taken.write_bytes(b"mine")
    taken.with_name("front-20231114T221320.250Z-50.0-2.json").write_bytes(b"mine, too")
    keeper = keep(window_s=1000)
    give(keeper, 50, start=time.monotonic())
    keeper.close()
    assert Path(announced.events[0].path).name == "front-20231114T221320.250Z-50.0-3.jpg"
    assert taken.read_bytes() == b"mine"


def test_cleans_up_after_a_killed_process_and_touches_nothing_else(keep, tmp_path):
    folder = tmp_path / "best"
    folder.mkdir()
    for name in (".front-20231114T221320.250Z-50.0.jpg.a1_b2c3d", ".front-20231114T221320.250Z-50.0.json.abcdefgh"):
        (folder / name).write_bytes(b"half")
    others = [".hidden.jpg.abcdefgh", "holiday.jpg", "front-20231114T221320.250Z-50.0.jpg", "lone.json"]
    for name in others:
        (folder / name).write_bytes(b"mine")
    keep()
    assert files(folder) == sorted(others)


def test_a_folder_that_goes_away_is_a_fault_and_nothing_stops(keep, announced, tmp_path):
    keeper, folder = keep(window_s=30), tmp_path / "best"
    now = time.monotonic()
    folder.rename(tmp_path / "away")
    give(keeper, 50, start=now)
    give(keeper, 60, start=now + 30)
    fault = announced.wait(1)[0]
    assert isinstance(fault, Fault)
    assert fault.camera == "front"
    assert str(folder) in fault.what
    assert not folder.exists()
    (tmp_path / "away").rename(folder)
    give(keeper, 70, start=now + 60)
    keeper.close()
    assert [event.score for event in announced.kept()] == [60, 70]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
@pytest.mark.parametrize("file_number", [1, 2], ids=["sidecar", "picture"])
def test_a_full_disk_is_a_fault_leaves_no_rubbish_and_nothing_stops(
    keep, announced, tmp_path, monkeypatch, file_number
):
    real = os.fdopen
    handles = []

    def onto_a_full_device(handle, mode):
        handles.append(handle)
        if len(handles) != file_number:
            return real(handle, mode)
        os.close(handle)
        return open("/dev/full", mode)  # the caller closes it

    monkeypatch.setattr("deepbiq.files.os.fdopen", onto_a_full_device)
    keeper = keep(window_s=1)
    now = time.monotonic()
    give(keeper, 50, start=now)
    give(keeper, 60, start=now + 1)
    keeper.close()
    (fault,) = announced.faults()
    assert "No space left on device" in fault.what
    assert [event.score for event in announced.kept()] == [60]
    assert len(files(tmp_path / "best")) == 2


def test_a_disk_that_does_not_keep_up_loses_bursts_and_says_so(keep, announced, tmp_path, monkeypatch):
    going_on = threading.Event()
    real = kept_files.write_atomically

    def slow(path, data):
        going_on.wait(DEADLINE_S)
        real(path, data)

    monkeypatch.setattr(kept_files, "write_atomically", slow)
    keeper = keep(window_s=30, count=100)
    now = time.monotonic()
    began = time.monotonic()
    # The first window may be in the writer's hands already; each holds 50 pictures.
    for window in range(MOST_WAITING // 50 + 3):
        for index in range(50):
            keeper.offer(result(50 + index / 10, now + 30 * window + index / 2))
    announced.wait(1)
    assert time.monotonic() - began < DEADLINE_S
    assert "does not keep up" in announced.events[0].what
    going_on.set()
    keeper.close()
    assert announced.faults()
    assert len(announced.kept()) >= MOST_WAITING
    assert len(files(tmp_path / "best")) == 2 * len(announced.kept())


def test_frames_that_wait_for_a_slow_disk_hold_no_pixels(keep, announced, monkeypatch):
    going_on = threading.Event()
    real = kept_files.write_atomically

    def slow(path, data):
        going_on.wait(DEADLINE_S)
        real(path, data)

    monkeypatch.setattr(kept_files, "write_atomically", slow)
    keeper, pixels = keep(window_s=30), []
    now = time.monotonic()
    for window in range(50):
        bgr = np.full((64, 80, 3), window, np.uint8)
        pixels.append(weakref.ref(bgr))
        keeper.offer(result(50, now + 30 * window, bgr=bgr))
        del bgr
    # Beside the few newest, the one in the writer's hands and the first that waited for it.
    assert sum(each() is not None for each in pixels) <= MOST_PIXELS + 2
    going_on.set()
    keeper.close()
    assert len(announced.kept()) == 50


def test_a_storm_of_triggers_is_bounded_and_said(keep, announced):
    keeper = keep(after_s=60)
    give(keeper, 50, start=time.monotonic())
    for number in range(MOST_TRIGGERS + 1):
        keeper.trigger(f"number {number}")
    (fault,) = announced.events
    assert f"'number {MOST_TRIGGERS}'" in fault.what
    keeper.close()
    assert len(announced.kept()) == MOST_TRIGGERS


def test_a_frame_too_large_for_a_jpeg_is_a_fault(keep, announced):
    keep(window_s=1).offer(result(50, time.monotonic(), bgr=np.zeros((1, JPEG_SIDE + 1, 3), np.uint8)))
    assert f"{JPEG_SIDE + 1}x1 is too large" in announced.events[0].what


def test_the_quality_decides_the_size(keep, announced):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    sizes = []
    for quality in (95, 30):
        keeper = keep(window_s=1000, quality=quality)
        keeper.offer(result(50, time.monotonic(), bgr=noise))
        keeper.close()
        sizes.append(Path(announced.events[-1].path).stat().st_size)
    assert sizes[1] < sizes[0] / 2
    assert (cv2.imread(announced.events[0].path) != noise).any()


def test_the_oldest_pictures_make_room_and_foreign_files_stay(keep, announced, tmp_path):
    folder = tmp_path / "best"
    folder.mkdir()
    foreign = [folder / "holiday.jpg", folder / "front-20000101T000000.000Z-50.0.jpg"]
    for path in foreign:
        path.write_bytes(bytes(100_000))
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    keeper = keep(window_s=1, quota_mb=0.12)
    now = time.monotonic()
    for second in range(8):
        keeper.offer(result(50 + second, now + second, bgr=noise))
    keeper.close()
    assert announced.faults() == []
    assert [event.score for event in announced.kept()] == list(range(50, 58))
    left = [path for path in folder.iterdir() if path not in foreign]
    assert sum(path.stat().st_size for path in left) <= 120_000
    scores = sorted(float(re.search(r"-([\d.]+)\.jpg", path.name)[1]) for path in left if path.suffix == ".jpg")
    assert scores == list(range(58 - len(scores), 58))
    assert 2 <= len(scores) < 8
    assert len(left) == 2 * len(scores)
    assert all(path.exists() for path in foreign)


def test_a_picture_larger_than_the_quota_is_a_fault_and_costs_nothing(keep, announced, tmp_path):
    keeper = keep(window_s=1, quota_mb=0.01)
    now = time.monotonic()
    keeper.offer(result(50, now))
    keeper.offer(result(60, now + 1, bgr=np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)))
    keeper.close()
    assert [event.score for event in announced.kept()] == [50]
    assert "quota_mb = 0.01" in announced.faults()[0].what
    assert len(files(tmp_path / "best")) == 2


def test_refuses_what_is_no_folder(keep, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be used"):
        keep(folder=tmp_path / "file" / "best")
    with pytest.raises(OptionError, match="names no folder"):
        keep(folder=None)


def test_leaves_no_thread_behind(keep):
    before = threading.active_count()
    keeper = keep(window_s=1)
    assert threading.active_count() == before + 1
    keeper.close()
    assert threading.active_count() == before
