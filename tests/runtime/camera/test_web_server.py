"""A real server on a real socket: what clients that mean no good, or are slow, can do to it."""

import errno
import json
import socket
import threading
import time
from contextlib import closing

import cv2
import httpx
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import deepbiq
from deepbiq.camera.events import CameraState, Fault, State
from deepbiq.camera.web.hub import WebHub
from deepbiq.camera.web.server import WebServer
from deepbiq.errors import OptionError
from tests.runtime.camera.watching import wait_until
from tests.runtime.camera.web_material import DEADLINE_S, TOKEN, app_of, result_of, serving

GIGABYTE = 1_000_000_000


@pytest.fixture(scope="module")
def scorer():
    with deepbiq.load() as scorer:
        yield scorer


@pytest.fixture(scope="module")
def noise(scorer):
    """A picture whose JPEG is large, with its score."""
    picture = np.random.default_rng(1).integers(0, 256, (540, 960, 3), dtype=np.uint8)
    return scorer(picture), picture


@pytest.fixture
def hub(noise):
    hub = WebHub(600)
    hub.take(CameraState("door", State.LIVE, 1.0))
    hub.take(result_of(*noise, number=1))
    return hub


@pytest.fixture
def port(hub, scorer):
    with serving(hub, app_of(hub, scorer)) as port:
        yield port


def open_socket(port):
    return closing(socket.create_connection(("127.0.0.1", port), DEADLINE_S))


def status_of(opened):
    return int(opened.recv(65536).split()[1])


def is_closed(opened):
    """Reads to the end; whether the server ended it is what recv says."""
    try:
        while opened.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def was_cut_off(opened):
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def still_scores(port, samples):
    answer = httpx.post(
        f"http://127.0.0.1:{port}/score",
        content=samples[0].read_bytes(),
        headers={"Content-Type": "image/jpeg"},
        timeout=DEADLINE_S,
    )
    return answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/../../../../../../etc/passwd",
        "/static//etc/passwd",
        "/../../etc/passwd",
        "/api/best/../../../../etc/passwd/picture",
        "/api/cameras/../../../etc/passwd/picture.jpg",
        "/static/..\\..\\secret",
        "/static/%00",
        "/api/cameras/..;/history",
    ],
)
def test_no_path_reaches_the_disk(port, path):
    with open_socket(port) as opened:
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert status_of(opened) == 404


def test_the_server_does_not_say_what_it_is(port):
    headers = httpx.get(f"http://127.0.0.1:{port}/").headers
    assert "server" not in headers


@pytest.mark.parametrize("request_line", ["POST /score", "POST /api/trigger", "PUT /api/cameras/door/thresholds"])
def test_an_announced_gigabyte_is_refused_before_it_is_sent(port, samples, request_line):
    with open_socket(port) as opened:
        opened.sendall(
            f"{request_line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {GIGABYTE}\r\n\r\n".encode()
        )
        assert status_of(opened) == 413
        assert is_closed(opened)
    assert still_scores(port, samples)


@pytest.mark.parametrize(("path", "most"), [("/score", 40_000_000), ("/api/trigger", 20_000_000)])
def test_a_streamed_gigabyte_is_refused_when_it_passes_the_limit(hub, scorer, samples, path, most):
    sent = 0

    def parts():
        nonlocal sent
        while sent < GIGABYTE:
            sent += 1_000_000
            yield bytes(1_000_000)

    with serving(hub, app_of(hub, scorer, max_upload_mb=5)) as port:
        answer = httpx.post(
            f"http://127.0.0.1:{port}{path}",
            content=parts(),
            headers={"Content-Type": "image/jpeg"},
            timeout=DEADLINE_S,
        )
        assert answer.status_code == 413
        assert sent < most, "what fits the limit and the sockets' buffers"
        assert still_scores(port, samples)


def test_a_gigabyte_without_a_token_is_refused_before_it_is_read(hub, scorer):
    with serving(hub, app_of(hub, scorer, token=TOKEN)) as port, open_socket(port) as opened:
        opened.sendall(f"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode())
        assert status_of(opened) == 401
        assert is_closed(opened)


def test_a_head_that_never_ends_is_cut_off(hub, scorer, samples, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.connections.HEAD_S", 0.3)
    with serving(hub, app_of(hub, scorer)) as port:
        with open_socket(port) as silent, open_socket(port) as slow, open_socket(port) as later:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: localh")
            later.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert status_of(later) == 200
            later.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            assert all(map(is_closed, (silent, slow, later)))
        assert still_scores(port, samples)


def test_a_body_that_never_ends_is_given_up(hub, scorer, samples, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.scoring._UPLOAD_S", 0.3)
    with serving(hub, app_of(hub, scorer)) as port:
        with open_socket(port) as opened:
            opened.sendall(
                b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                b"Content-Length: 1000\r\n\r\nbegun"
            )
            assert status_of(opened) == 408
            assert is_closed(opened)
        assert still_scores(port, samples)


def test_a_client_that_leaves_in_the_middle_of_its_picture_gives_its_place_back(port, samples):
    for _ in range(6):
        with open_socket(port) as opened:
            opened.sendall(
                b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
                b"Content-Length: 1000\r\n\r\nbegun"
            )
    wait_until(lambda: still_scores(port, samples))


def test_a_stream_shows_frames_in_order_and_ends_with_the_watching(hub, scorer, noise):
    with serving(hub, app_of(hub, scorer)) as port:
        url = f"http://127.0.0.1:{port}/api/cameras/door/stream.mjpg"
        with httpx.stream("GET", url, timeout=DEADLINE_S) as answer:
            assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=deepbiq-frame"
            received, frames, number = b"", [], 1
            for part in answer.iter_bytes():
                received += part
                while (end := received.find(b"\xff\xd9\r\n")) >= 0:
                    head, _, jpeg = received[: end + 2].partition(b"\r\n\r\n")
                    received = received[end + 4 :]
                    fields = dict(line.split(": ") for line in head.decode().split("\r\n")[1:])
                    assert int(fields["Content-Length"]) == len(jpeg)
                    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (540, 960, 3)
                    frames.append(int(fields["Deepbiq-Frame"]))
                    number += 1
                    if number <= 4:
                        hub.take(result_of(*noise, number=number))
                    else:
                        hub.close()
            assert frames == [1, 2, 3, 4]


def test_a_viewer_that_never_reads_is_cut_off_and_the_others_see_the_newest(hub, scorer, noise, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.connections.STALL_S", 0.5)
    with serving(hub, app_of(hub, scorer)) as port, open_socket(port) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /api/cameras/door/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        started, number = time.monotonic(), 1
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as other:
            while not was_cut_off(lazy):
                assert time.monotonic() - started < DEADLINE_S
                number += 1
                hub.take(result_of(*noise, number=number))
                newest = other.get("/api/cameras/door/picture.jpg")
                assert newest.headers["deepbiq-frame"] == str(number)


def test_a_listener_that_never_reads_is_cut_off_and_the_others_hear_everything(hub, scorer, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.connections.STALL_S", 0.5)
    count = 800
    with serving(hub, app_of(hub, scorer)) as port, open_socket(port) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(
            b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert status_of(lazy) == 101
        with connect(f"ws://127.0.0.1:{port}/api/events") as reader:
            for number in range(count):
                hub.take(Fault(None, "x" * 3000, float(number)))
                assert json.loads(reader.recv(DEADLINE_S))["at"] == number
        wait_until(lambda: was_cut_off(lazy))


def test_a_page_that_another_site_opened_hears_nothing(port):
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://127.0.0.1:{port}/api/events", origin="http://elsewhere.example"),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_streams_are_limited_and_say_so(hub, scorer):
    with serving(hub, app_of(hub, scorer)) as port:
        url = f"http://127.0.0.1:{port}/api/cameras/door/stream.mjpg"
        opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(64)]
        for one in opened:
            one.sendall(b"GET /api/cameras/door/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(hub.is_full)
        refused = httpx.get(url, timeout=DEADLINE_S)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        for one in opened:
            one.close()
        wait_until(lambda: not hub.is_full())


def test_a_server_leaves_nothing_behind(hub, scorer):
    before = set(threading.enumerate())
    server = WebServer(app_of(hub, scorer), "127.0.0.1", 0)
    port = server.start()
    with connect(f"ws://127.0.0.1:{port}/api/events"):
        hub.close()
        server.close()
        server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    wait_until(lambda: not {thread for thread in set(threading.enumerate()) - before if "deepbiq" in thread.name})


def test_a_taken_port_is_named(port, hub, scorer):
    with pytest.raises(OptionError, match=f"port {port} cannot be used: Address already in use"):
        WebServer(app_of(hub, scorer), "127.0.0.1", port).start()


def test_ipv6_loopback_is_served(hub, scorer):
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with serving(hub, app_of(hub, scorer, host="::1"), "::1") as port:
        assert httpx.get(f"http://[::1]:{port}/healthz").status_code == 200
