import pytest

from deepbiq.camera.capture import Camera
from deepbiq.camera.events import State
from deepbiq.camera.sources import parse_source
from tests.runtime.camera.mjpeg_server import MjpegServer
from tests.runtime.camera.rtsp_process import free_port
from tests.runtime.camera.watching import (
    QUICK,
    nothing_left,
    told_by_a_process_that_watches,
    wait_until,
    watching,
)

SECRET = "Hunter2SECRET"


@pytest.fixture
def server():
    server = MjpegServer(fps=40)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def watched(server):
    with nothing_left(), watching(parse_source(server.address())) as watched:
        watched.next_frame()
        yield watched


def test_a_stream_gives_new_frames_for_ever(watched):
    numbers = [watched.next_frame().number for _ in range(20)]
    assert numbers == sorted(set(numbers))
    assert watched.states() == [State.OPENING, State.LIVE]
    assert watched.camera.age_s < 20


def test_only_the_newest_frame_waits(watched):
    wait_until(lambda: watched.board.dropped("door") >= 10, "frames are dropped")
    first, second = watched.next_frame(), watched.next_frame()
    assert first.number > 10
    assert second.number > first.number


def test_a_stream_that_ends_is_lost_and_found_again_when_it_returns(watched, server):
    server.stop()
    assert "the stream ended or the connection broke" in watched.wait_for(State.LOST).detail
    wait_until(lambda: watched.states().count(State.LOST) >= 2, "the reason becomes another one")
    assert "it cannot be opened" in watched.events[-1].detail
    last = [frame.number for frame in watched.board.wait(0)]
    server.start()
    frame = watched.next_frame()
    assert frame.number > max(last, default=1)
    assert watched.wait_for(State.LIVE, times=2).reconnects == 1


def test_a_stream_that_stalls_is_lost_after_the_read_timeout_and_comes_back(watched, server):
    server.stalled.set()
    assert "no frame for" in watched.wait_for(State.LOST).detail
    watched.board.wait(0)
    assert watched.board.wait(0.5) == []
    assert watched.camera.age_s >= 1
    server.stalled.clear()
    watched.next_frame()
    assert watched.wait_for(State.LIVE, times=2).reconnects == 1


def test_pictures_of_another_size_in_mid_stream_do_not_stop_it(watched, server):
    for size in ((320, 240), (96, 64), (64, 64)):
        server.size = size
        changed_until = watched.next_frame().number + 20
        frame = watched.frame_that(lambda frame, until=changed_until: frame.number >= until)
        # OpenCV brings them to the size with which the connection began.
        assert frame.bgr.shape == (120, 160, 3)
    assert watched.states() == [State.OPENING, State.LIVE]


def test_another_size_is_taken_over_with_the_next_connection(watched, server):
    server.stop()
    watched.wait_for(State.LOST)
    server.size = (320, 240)
    server.start()
    watched.frame_that(lambda frame: frame.bgr.shape == (240, 320, 3))


def test_damaged_pictures_are_passed_over_and_told(watched, server):
    server.damaged.set()
    damaged_until = watched.next_frame().number + 20
    watched.frame_that(lambda frame: frame.number >= damaged_until)
    assert watched.states() == [State.OPENING, State.LIVE]
    wait_until(watched.faults, "the damage is told")
    assert len(watched.faults()) == 1
    assert "damaged frames were passed over" in watched.faults()[0]


def test_cameras_share_a_board_and_one_that_is_lost_does_not_hold_up_another(watched):
    nobody = parse_source(f"http://127.0.0.1:{free_port()}/")
    events = []
    other = Camera("garage", nobody, watched.board, events.append, QUICK)
    other.start()
    wait_until(lambda: [event.state for event in events] == [State.OPENING, State.LOST], "the other is lost")
    assert {watched.next_frame().camera for _ in range(10)} == {"door"}
    assert other.age_s is None
    assert other.stop()


def test_a_source_that_is_not_there_at_the_start_is_found_when_it_comes(server):
    server.stop()
    with nothing_left(), watching(parse_source(server.address())) as watched:
        watched.wait_for(State.LOST)
        server.start()
        watched.next_frame()
        assert watched.wait_for(State.LIVE).reconnects == 0
        assert watched.camera.state is State.LIVE
        server.stop()


def test_credentials_reach_the_server_and_nothing_else(server):
    address = server.address(f"admin:{SECRET}@", f"?token={SECRET}")
    told = told_by_a_process_that_watches(address, wanted=State.LIVE)
    assert server.requests[0] == f"/stream?token={SECRET}"
    assert "http://***@127.0.0.1" in told
    assert SECRET not in told


def test_an_address_that_leads_nowhere_tells_no_credentials(server):
    server.stop()
    told = told_by_a_process_that_watches(server.address(f"admin:{SECRET}@"), wanted=State.LOST)
    assert "it cannot be opened" in told
    assert SECRET not in told
