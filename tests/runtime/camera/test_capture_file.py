import os
import time
from contextlib import suppress

import numpy as np
import pytest

from deepbiq.camera.events import State
from deepbiq.camera.readers import ReadingOptions
from deepbiq.camera.sources import parse_source
from tests.runtime.camera.video_material import grey_ramp, level_of, write_video
from tests.runtime.camera.watching import Watching, capture_threads, nothing_left, wait_until, watching


def test_a_video_plays_at_its_own_pace_and_ends(tmp_path):
    film = write_video(tmp_path / "film.mp4", grey_ramp(20), fps=20)
    with nothing_left(), watching(parse_source(str(film))) as watched:
        frames = []
        while State.ENDED not in watched.states():
            frames += watched.board.wait(0.1)
        frames += watched.board.wait(0)
    assert watched.states() == [State.OPENING, State.LIVE, State.ENDED]
    assert watched.events[-1].detail.endswith("film.mp4: the video is over")
    assert len(frames) + watched.board.dropped("door") == 20
    assert frames[-1].number == 20
    for frame in frames:
        assert frame.media_s == pytest.approx((frame.number - 1) / 20, abs=0.01)
        assert level_of(frame.bgr) == frame.number - 1
        assert frame.bgr.flags.c_contiguous
        # Never early; late only as far as the machine is busy.
        assert frame.captured - frames[0].captured >= frame.media_s - frames[0].media_s - 0.02


def test_nobody_taking_frames_keeps_the_newest_and_counts_the_others(tmp_path):
    film = write_video(tmp_path / "film.avi", grey_ramp(30), fps=60)
    with watching(parse_source(str(film))) as watched:
        watched.wait_for(State.ENDED)
        frames = watched.board.wait(0)
    assert [frame.number for frame in frames] == [30]
    assert watched.board.dropped("door") == 29


@pytest.mark.parametrize("content", [b"", b"this is no video", bytes(5000)])
def test_a_file_that_is_no_video_ends_at_once_and_says_so(tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    with nothing_left(), watching(parse_source(str(tmp_path / "film.mp4"))) as watched:
        ended = watched.wait_for(State.ENDED)
    assert ended.detail.endswith("film.mp4: no video that OpenCV can read")
    assert State.LIVE not in watched.states()


def test_a_video_cut_off_in_the_middle_plays_what_is_there_and_ends(tmp_path):
    film = write_video(tmp_path / "film.avi", grey_ramp(40), fps=60)
    film.write_bytes(film.read_bytes()[:-3000])
    with watching(parse_source(str(film))) as watched:
        watched.wait_for(State.ENDED)
        (newest,) = watched.board.wait(0)
    assert 1 < newest.number < 40


def test_stopping_does_not_wait_for_the_end_of_a_video(tmp_path):
    film = write_video(tmp_path / "film.mp4", grey_ramp(60), fps=1)
    with nothing_left(), watching(parse_source(str(film))) as watched:
        watched.next_frame()
        began = time.monotonic()
    assert time.monotonic() - began < 10  # the next frame is due after a second, the last after a minute


def test_a_camera_that_never_started_can_be_stopped(tmp_path):
    film = write_video(tmp_path / "film.mp4", grey_ramp(2), fps=1)
    assert Watching(parse_source(str(film))).camera.stop()


def test_an_open_that_hangs_is_abandoned_and_tried_again(tmp_path):
    # Opening a pipe without a writer blocks in the kernel, where no timeout of a library reaches.
    pipe = tmp_path / "film.mp4"
    os.mkfifo(pipe)
    with nothing_left():
        watched = Watching(parse_source(str(pipe)), options=_options(0.2))
        watched.camera.start()
        lost = watched.wait_for(State.LOST)
        assert "it hangs" in lost.detail
        wait_until(lambda: watched.camera.hanging >= 2, "a second attempt hangs as well")
        assert not watched.camera.stop(timeout_s=0.5)
        assert capture_threads() != []
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
        wait_until(lambda: _release(pipe), "every hanging thread returns")
    assert watched.camera.hanging == 0
    assert watched.camera.stop()


def test_a_read_that_hangs_is_abandoned_and_what_comes_late_is_ignored(tmp_path):
    film = write_video(tmp_path / "film.avi", [_noise(seed) for seed in range(200)], fps=500).read_bytes()
    pipe = tmp_path / "pipe.avi"
    os.mkfifo(pipe)
    with nothing_left():
        watched = Watching(parse_source(str(pipe)), options=_options(1.0))
        watched.camera.start()
        with open(pipe, "wb", buffering=0) as writer:
            writer.write(film[: len(film) // 2])
            watched.next_frame()
            assert "it hangs" in watched.wait_for(State.LOST).detail
            assert watched.camera.hanging == 1
            assert not watched.camera.stop(timeout_s=0.5)
            last = [frame.number for frame in watched.board.wait(0)]
            age = watched.camera.age_s
            # The threads that hung close the pipe once they have read something.
            with suppress(BrokenPipeError):
                writer.write(film[len(film) // 2 :])
        wait_until(lambda: _release(pipe), "the hanging threads return")
    assert len(last) <= 1
    assert watched.board.wait(0) == []
    assert watched.camera.age_s > age
    assert watched.camera.stop()


def _options(timeout_s):
    return ReadingOptions(open_timeout_s=timeout_s, read_timeout_s=timeout_s)


def _noise(seed):
    return np.random.default_rng(seed).integers(0, 255, (120, 160, 3), dtype=np.uint8)


def _release(pipe) -> bool:
    """Lets whoever waits for a writer go on, and find the end; says whether nobody waits any more."""
    with suppress(OSError):  # nobody has it open for reading
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return not capture_threads()
