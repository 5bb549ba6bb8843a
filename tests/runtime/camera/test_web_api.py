"""The routes, inside the process: what they tell, what they change, what they refuse."""

import json
import struct
import threading
import zlib

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import deepbiq
from deepbiq.camera.events import CameraState, Drift, Fault, Kept, State
from deepbiq.camera.web.hub import WebHub
from deepbiq.errors import EngineError, OptionError
from tests.runtime.camera.web_material import TOKEN, Knobs, Well, app_of, result_of

EVENTS = "ws://localhost:8460/api/events"
ODD_NAMES = ["%2e%2e", "..%2f..%2fetc%2fpasswd", "....//", "%00", "door%2f..%2fdoor", "C:%5Cboot.ini"]


@pytest.fixture(scope="module")
def scorer():
    with deepbiq.load() as scorer:
        yield scorer


@pytest.fixture(scope="module")
def scored(scorer, samples):
    return [(scorer(picture), picture) for picture in map(cv2.imread, map(str, samples))]


@pytest.fixture
def hub(scored, samples):
    hub = WebHub(600)
    hub.take(CameraState("door", State.LIVE, 1.0))
    for number, (score, picture) in enumerate(scored, 1):
        hub.take(result_of(score, picture, number=number))
    hub.take(CameraState("yard", State.OPENING, 1.0))
    hub.take(Drift("door", True, 70, 55, 2.0))
    hub.take(Fault(None, "the disk is full", 3.0))
    hub.take(Kept("door", str(samples[0]), 71.239, 4.0, "window"))
    return hub


@pytest.fixture
def knobs():
    return Knobs()


@pytest.fixture
def client(hub, scorer, knobs):
    with TestClient(app_of(hub, scorer, knobs), base_url="http://localhost:8460") as client:
        yield client


def bomb_png(width, height):
    """A PNG whose header claims a size that its few bytes of zeros would unfold to."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(50_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bomb_jpeg(width, height):
    """A JPEG whose frame header claims another size than its data has."""
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def test_the_page_and_its_files_are_served(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name, kind in (("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")):
        answer = client.get(f"/static/{name}")
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)


def test_the_page_has_nothing_inline_and_nothing_foreign(client):
    page = client.get("/").text
    for forbidden in ("<style", " style=", " onclick=", "javascript:", "http://", "https://"):
        assert forbidden not in page
    assert page.count("<script") == page.count("<script type=") == 1


def test_every_answer_has_the_security_headers(client):
    for path in ("/", "/api/cameras", "/static/app.js", "/nothing", "/api/cameras/door/picture.jpg"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_cameras_tell_state_newest_result_age_drift_and_thresholds(client, hub):
    answer = client.get("/api/cameras").json()
    door, yard = answer["cameras"]
    assert door["result"] == hub.camera("door").result.describe()
    assert door["state"] == CameraState("door", State.LIVE, 1.0).describe()
    assert door["drift"]["alarm"] is True
    assert door["thresholds"] == {"accept": 55.0, "reject": 40.0}
    assert door["age_s"] >= 0.05
    assert (yard["name"], yard["result"], yard["age_s"]) == ("yard", None, None)
    assert answer["faults"] == [Fault(None, "the disk is full", 3.0).describe()]


def test_a_history_has_every_frame_once(client, scored):
    history = client.get("/api/cameras/door/history").json()
    assert history["span_s"] == 600
    scores = [round(score.score, 2) for score, _ in scored]
    # Frames closer together than the chart can show are one point.
    assert history["score"][0] == scores[0]
    assert set(history["score"]) <= set(scores)
    assert len(history["age_s"]) == len(history["smoothed"]) == len(history["verdict"]) == len(history["score"])


def test_thresholds_reach_the_controls(client, knobs):
    answer = client.put("/api/cameras/door/thresholds", json={"accept": 70, "reject": 30.5})
    assert answer.json() == {"accept": 70.0, "reject": 30.5}
    assert knobs.limits == {"door": (70.0, 30.5)}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"accept": 30, "reject": 70}, 409),
        ({"accept": 130, "reject": 40}, 422),
        ({"accept": 50}, 422),
        ({"accept": 50, "reject": 40, "hysteresis": 1}, 422),
        ({"accept": "high", "reject": 40}, 422),
        ([], 422),
    ],
)
def test_thresholds_that_are_none_are_refused_and_change_nothing(client, knobs, content, status):
    answer = client.put("/api/cameras/door/thresholds", json=content)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert knobs.limits == {}


def test_infinite_thresholds_are_refused(client, knobs):
    answer = client.put(
        "/api/cameras/door/thresholds",
        content='{"accept": Infinity, "reject": NaN}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert knobs.limits == {}


def test_a_trigger_reaches_the_controls(client, knobs):
    assert client.post("/api/trigger", json={"name": "bell"}).status_code == 202
    assert knobs.triggers == ["bell"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a" * 65, "ü", "a\n"])
def test_a_trigger_whose_name_does_not_fit_a_file_is_refused(client, knobs, name):
    assert client.post("/api/trigger", json={"name": name}).status_code == 422
    assert knobs.triggers == []


def test_a_trigger_where_nothing_is_kept_says_so(client, knobs, monkeypatch):
    def refuse(name):
        raise OptionError("best.folder is not set: nothing can be kept")

    monkeypatch.setattr(knobs, "trigger", refuse)
    answer = client.post("/api/trigger", json={"name": "bell"})
    assert (answer.status_code, answer.json()["error"]) == (409, "best.folder is not set: nothing can be kept")


def test_best_frames_are_listed_without_their_paths_and_shown_by_their_ids(client, samples):
    (best,) = client.get("/api/best").json()
    identity = best.pop("id")
    assert best == {"camera": "door", "score": 71.24, "captured_at": 4.0, "reason": "window"}
    answer = client.get(f"/api/best/{identity}/picture")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == samples[0].read_bytes()


def test_a_best_frame_that_the_quota_removed_is_not_found(client, hub, tmp_path):
    hub.take(Kept("door", str(tmp_path / "gone.jpg"), 60, 5.0, "window"))
    identity = client.get("/api/best").json()[0]["id"]
    answer = client.get(f"/api/best/{identity}/picture")
    assert answer.status_code == 404
    assert str(tmp_path) not in answer.text


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(
    "path",
    [
        "/static/{}",
        "/api/best/{}/picture",
        "/api/cameras/{}/history",
        "/api/cameras/{}/picture.jpg",
        "/api/cameras/{}/map.png",
        "/api/cameras/{}/stream.mjpg",
    ],
)
def test_no_name_that_climbs_is_found(client, path, name):
    assert client.get(path.format(name)).status_code == 404


def test_the_newest_picture_and_its_map_have_the_same_frame(client, scored):
    picture = client.get("/api/cameras/door/picture.jpg")
    quality_map = client.get("/api/cameras/door/map.png")
    assert picture.headers["deepbiq-frame"] == quality_map.headers["deepbiq-frame"] == str(len(scored))
    assert int(picture.headers["deepbiq-age-ms"]) >= 50
    shown = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == scored[-1][1].shape
    assert np.abs(shown.astype(int) - scored[-1][1]).mean() < 5
    assert cv2.imdecode(np.frombuffer(quality_map.content, np.uint8), cv2.IMREAD_UNCHANGED).shape[2] == 4


def test_a_camera_that_has_shown_nothing_has_no_picture(client):
    for name in ("picture.jpg", "map.png"):
        assert client.get(f"/api/cameras/yard/{name}").status_code == 404


def test_a_picture_is_scored_as_the_command_does(client, scorer, samples):
    for sample in samples:
        answer = client.post("/score", content=sample.read_bytes(), headers={"Content-Type": "image/jpeg"})
        assert answer.status_code == 200
        expected = scorer(sample.read_bytes()).to_dict()
        assert list(answer.json()) == list(expected)
        assert {**answer.json(), "ms": None} == {**expected, "ms": None}
        assert list(answer.json()["ms"]) == list(expected["ms"])


@pytest.mark.parametrize(
    ("make", "status", "fault"),
    [
        (lambda photo: b"", 422, "empty"),
        (lambda photo: b"no picture at all", 422, "cannot be scored"),
        (lambda photo: photo[: len(photo) // 2], 422, "cannot be scored"),
        (lambda photo: bomb_png(60_000, 60_000), 422, "megapixels"),
        (lambda photo: bomb_jpeg(60_000, 60_000), 422, "megapixels"),
        (lambda photo: photo + bytes(1_000_000), 413, "larger than 1000000 bytes"),
    ],
    ids=["empty", "text", "truncated", "png bomb", "jpeg bomb", "large"],
)
def test_what_cannot_be_scored_is_refused_and_the_next_picture_is_scored(hub, scorer, samples, make, status, fault):
    photo = samples[0].read_bytes()
    headers = {"Content-Type": "application/octet-stream"}
    with TestClient(app_of(hub, scorer, max_upload_mb=1), base_url="http://localhost") as client:
        refused = client.post("/score", content=make(photo), headers=headers)
        assert refused.status_code == status
        assert fault in refused.json()["error"]
        assert client.post("/score", content=photo, headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json", ""])
def test_what_does_not_say_that_it_is_a_picture_is_refused(client, kind):
    assert client.post("/score", content=b"x", headers={"Content-Type": kind}).status_code == 415


def test_too_many_pictures_from_one_address_are_sent_away(hub, scorer, samples):
    with TestClient(app_of(hub, scorer, requests_per_minute=2), base_url="http://localhost") as client:
        answers = [
            client.post("/score", content=samples[0].read_bytes(), headers={"Content-Type": "image/jpeg"})
            for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert client.get("/api/cameras").status_code == 200


class Gated:
    """A scorer that works when it is let."""

    def __init__(self, scorer):
        self.scorer, self.setting = scorer, scorer.setting
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, picture):
        self.begun.set()
        assert self.may_end.wait(20)
        return self.scorer(picture)


def test_pictures_that_wait_too_long_are_sent_away_and_the_one_in_work_is_scored(hub, scorer, samples, monkeypatch):
    monkeypatch.setattr("deepbiq.camera.web.scoring._WAIT_S", 0.2)
    gated, answers = Gated(scorer), []
    with TestClient(app_of(hub, gated), base_url="http://localhost") as client:

        def post():
            headers = {"Content-Type": "image/jpeg"}
            answers.append(client.post("/score", content=samples[0].read_bytes(), headers=headers))

        first = threading.Thread(target=post)
        first.start()
        assert gated.begun.wait(20)
        post()
        gated.may_end.set()
        first.join(20)
        assert [answer.status_code for answer in answers] == [503, 200]
        assert int(answers[0].headers["retry-after"]) >= 0
        post()
        assert answers[2].status_code == 200


def test_an_engine_that_failed_is_said_to_have_and_works_again(hub, scorer, samples):
    class Failing:
        setting = scorer.setting
        works = False

        def __call__(self, picture):
            if self.works:
                return scorer(picture)
            raise EngineError("out of memory")

    failing = Failing()
    headers = {"Content-Type": "image/jpeg"}
    with TestClient(app_of(hub, failing), base_url="http://localhost") as client:
        answer = client.post("/score", content=samples[0].read_bytes(), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (503, "the engine failed: out of memory")
        failing.works = True
        assert client.post("/score", content=samples[0].read_bytes(), headers=headers).status_code == 200


def test_health_readiness_and_metrics(hub, scorer):
    health = Well()
    with TestClient(app_of(hub, scorer, health=health), base_url="http://localhost") as client:
        assert (client.get("/healthz").status_code, client.get("/readyz").json()) == (200, {"ok": True})
        health.is_ready = False
        unready = client.get("/readyz")
        assert (unready.status_code, unready.json()) == (503, {"ok": False})
        assert client.get("/healthz").status_code == 200
        assert client.get("/metrics").text == "deepbiq_up 1\n"
        assert client.get("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_events_arrive_as_they_describe_themselves(client, hub, scored):
    with client.websocket_connect(EVENTS, headers={"Origin": "http://localhost:8460"}) as socket:
        result = result_of(*scored[0], number=9, changed=True)
        for event in (result, CameraState("door", State.LOST, 5.0), Kept("door", "/b.jpg", 1.0, 2.0, "bell")):
            hub.take(event)
            assert json.loads(socket.receive_text()) == event.describe()
        hub.close()
        with pytest.raises(WebSocketDisconnect) as end:
            socket.receive_text()
        assert end.value.code == 1001


def test_a_host_name_that_is_not_this_machine_is_refused(hub, scorer):
    app = app_of(hub, scorer)
    with TestClient(app, base_url="http://rebound.example:8460") as client:
        assert client.get("/api/cameras").status_code == 403
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://rebound.example:8460/api/events"):
            pass
    for host in ("localhost", "127.0.0.1:8460", "[::1]:8460"):
        with TestClient(app, base_url=f"http://{host}") as client:
            assert client.get("/api/cameras").status_code == 200


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "http://localhost:9999", "null"])
def test_another_sites_page_changes_nothing_and_listens_to_nothing(client, knobs, origin):
    headers = {"Origin": origin}
    limits = {"accept": 1, "reject": 0}
    assert client.put("/api/cameras/door/thresholds", json=limits, headers=headers).status_code == 403
    assert client.post("/api/trigger", json={"name": "bell"}, headers=headers).status_code == 403
    assert client.post("/score", content=b"x", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(EVENTS, headers=headers):
        pass
    assert (knobs.limits, knobs.triggers) == ({}, [])
    own = {"Origin": "http://localhost:8460"}
    assert client.post("/api/trigger", json={"name": "bell"}, headers=own).status_code == 202


def test_an_address_that_others_reach_is_not_served_without_a_token(hub, scorer):
    with pytest.raises(OptionError, match=r"0\.0\.0\.0.*token"):
        app_of(hub, scorer, host="0.0.0.0")


@pytest.fixture
def guarded(hub, scorer):
    app = app_of(hub, scorer, host="0.0.0.0", token=TOKEN)
    with TestClient(app, base_url="http://camera.example:8460", follow_redirects=False) as client:
        yield client


PROTECTED = [
    ("GET", "/api/cameras"),
    ("GET", "/api/cameras/door/history"),
    ("GET", "/api/cameras/door/picture.jpg"),
    ("GET", "/api/cameras/door/map.png"),
    ("GET", "/api/cameras/door/stream.mjpg"),
    ("PUT", "/api/cameras/door/thresholds"),
    ("POST", "/api/trigger"),
    ("GET", "/api/best"),
    ("GET", "/api/best/x/picture"),
    ("POST", "/score"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/static/app.js"),
    ("GET", "/nothing"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_nothing_is_told(guarded, method, path):
    answer = guarded.request(method, path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text


def test_every_route_is_protected_or_known_to_be_open(guarded):
    described = {
        (method.upper(), path) for path, routes in guarded.app.openapi()["paths"].items() for method in routes
    }
    protected = {
        (method, path.replace("door", "{name}").replace("/x/", "/{identity}/")) for method, path in PROTECTED
    }
    assert described - protected == {("GET", "/healthz"), ("GET", "/readyz")}


@pytest.mark.parametrize(
    "authorization", [f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer ü"]
)
def test_a_wrong_token_opens_nothing(guarded, authorization):
    answer = guarded.get("/api/cameras", headers={"Authorization": authorization.encode("utf-8")})
    assert answer.status_code == 401


def test_the_token_opens_everything(guarded):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/api/cameras", headers=headers).status_code == 200
    assert guarded.get("/metrics", headers=headers).status_code == 200
    assert guarded.post("/api/trigger", json={"name": "bell"}, headers=headers).status_code == 202
    assert guarded.get(f"/api/cameras?token={TOKEN}").status_code == 401


def test_health_needs_no_token_and_tells_no_more_than_itself(guarded):
    assert guarded.get("/healthz").json() == guarded.get("/readyz").json() == {"ok": True}


def test_events_need_a_token(guarded):
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect("/api/events"):
        pass
    with guarded.websocket_connect("/api/events", headers={"Authorization": f"Bearer {TOKEN}"}):
        pass


def test_the_login_gives_a_session_that_scripts_and_other_sites_do_not_get(guarded):
    assert guarded.get("/").headers["location"] == "/login"
    assert guarded.get("/login").headers["referrer-policy"] == "same-origin"
    assert guarded.get("/static/login.css").status_code == 200
    entered = guarded.post("/login", data={"token": TOKEN}, headers={"Origin": "http://camera.example:8460"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/").status_code == 200
    assert guarded.get("/api/cameras").status_code == 200


def test_a_wrong_login_says_so_and_guessing_is_slowed(guarded):
    answers = [guarded.post("/login", data={"token": f"guess-number-{n}-of-many"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "The token is wrong." in answers[0].text
    assert int(answers[5].headers["retry-after"]) >= 1
    assert "set-cookie" not in answers[0].headers
    assert guarded.post("/login", data={"token": TOKEN}).status_code == 429
    assert guarded.get("/api/cameras", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429


def test_a_session_goes_on_while_somebody_at_the_same_address_guesses(guarded):
    guarded.post("/login", data={"token": TOKEN})
    for number in range(8):
        guarded.post("/login", data={"token": f"guess-number-{number}-of-many"})
    assert guarded.get("/api/cameras").status_code == 200


def test_another_sites_form_logs_nobody_in(guarded):
    answer = guarded.post("/login", data={"token": TOKEN}, headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403


def test_no_log_holds_the_token(guarded, caplog):
    with caplog.at_level("DEBUG"):
        guarded.get(f"/api/cameras?token={TOKEN}")
        guarded.get("/api/cameras", headers={"Authorization": f"Bearer {TOKEN}x"})
        guarded.post("/login", data={"token": TOKEN})
    assert "refused /api/cameras" in caplog.text
    assert TOKEN not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("deepbiq")
    )
