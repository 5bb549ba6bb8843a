import time

import pytest

from deepbiq.camera.events import State
from deepbiq.camera.readers import ReadingOptions
from deepbiq.camera.sources import parse_source
from tests.runtime.camera.rtsp_process import RtspProcess, missing_for_rtsp
from tests.runtime.camera.watching import nothing_left, told_by_a_process_that_watches, watching

pytestmark = pytest.mark.skipif(
    missing_for_rtsp() is not None, reason=f"GStreamer's RTSP server does not run here: {missing_for_rtsp()}"
)
SECRET = "Hunter2SECRET"
OPTIONS = ReadingOptions(open_timeout_s=5.0, read_timeout_s=1.5)


@pytest.fixture
def server():
    server = RtspProcess()
    yield server
    server.stop()


def test_a_server_that_is_killed_and_returns_with_another_size_is_found_again(server):
    server.start(width=320, height=240)
    with nothing_left(), watching(parse_source(server.address()), OPTIONS) as watched:
        assert watched.next_frame().bgr.shape == (240, 320, 3)
        server.stop()
        assert "127.0.0.1" in watched.wait_for(State.LOST).detail
        server.start(width=160, height=120)
        frame = watched.frame_that(lambda frame: frame.bgr.shape == (120, 160, 3))
        assert frame.number > 1
        assert watched.wait_for(State.LIVE, times=2).reconnects == 1


def test_a_server_that_stands_still_is_lost_and_found_when_it_goes_on(server):
    server.start()
    with nothing_left(), watching(parse_source(server.address()), OPTIONS) as watched:
        watched.next_frame()
        server.halt()
        halted = time.monotonic()
        assert "no frame for" in watched.wait_for(State.LOST).detail
        # What the decoder held back must not come out as a fresh picture when the timeout ends the waiting.
        assert time.monotonic() - watched.camera.age_s < halted + OPTIONS.read_timeout_s / 2
        server.go_on()
        watched.wait_for(State.LIVE, times=2)
        watched.next_frame()


def test_stopping_while_the_server_stands_still_leaves_nothing(server):
    server.start()
    with nothing_left(), watching(parse_source(server.address()), OPTIONS) as watched:
        watched.next_frame()
        server.halt()


def test_the_password_opens_the_stream_and_is_told_to_nobody(server):
    server.start(user="admin", password=SECRET)
    told = told_by_a_process_that_watches(server.address(f"admin:{SECRET}@"), wanted=State.LIVE)
    assert f"rtsp://***@127.0.0.1:{server.port}/video" in told
    assert SECRET not in told


def test_a_wrong_password_is_a_lost_camera_that_says_what_to_look_at(server):
    server.start(user="admin", password="another")
    told = told_by_a_process_that_watches(server.address(f"admin:{SECRET}@"), wanted=State.LOST)
    assert (
        f"rtsp://***@127.0.0.1:{server.port}/video: it cannot be opened: is it running, are address, user" in told
    )
    assert SECRET not in told
