import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from deepbiq.camera.config import MqttSection
from deepbiq.camera.events import Drift, Kept, State, Verdict
from deepbiq.camera.mqtt import MqttSink
from deepbiq.errors import OptionError
from tests.runtime.camera.output_events import a_result, a_state, eventually
from tests.runtime.camera.servers.broker import PROGRAM, Broker

needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path):
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed")
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


class Listener:
    """What a subscriber to everything has seen."""

    def __init__(self):
        self.messages = []
        self.connected = threading.Event()

    def of(self, topic):
        return [message.payload.decode() for message in list(self.messages) if message.topic == topic]

    def newest(self, topic):
        return (self.of(topic) or [None])[-1]

    def retained(self, topic):
        return [
            message.payload.decode() for message in list(self.messages) if message.topic == topic and message.retain
        ]


@contextmanager
def listening(port, username=None, password=None):
    listener = Listener()
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(username, password)
    client.on_connect = lambda *_: client.subscribe("#", qos=1)
    client.on_subscribe = lambda *_: listener.connected.set()
    client.on_message = lambda _client, _data, message: listener.messages.append(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    listener.client = client
    assert listener.connected.wait(20)
    yield listener
    client.disconnect()
    client.loop_stop()


@contextmanager
def publishing(port, *, cameras=("door",), on_trigger=lambda _: None, **section):
    sink = MqttSink(MqttSection(host="127.0.0.1", port=port, **section), cameras, "1.2.3", on_trigger)
    try:
        yield sink
    finally:
        sink.close()


def test_what_lasts_is_there_for_a_late_subscriber(broker):
    result = a_result(changed=True)
    state, drift = a_state(State.LIVE), Drift("door", True, 70.0, 50.0, 6.0)
    with publishing(broker.port) as sink, listening(broker.port) as early:
        for event in (state, result, drift, Kept("door", "/best/1.jpg", 80.0, 5.0, "window")):
            sink.take(event)
        assert eventually(lambda: early.of("deepbiq/door/best") and early.of("deepbiq/door/drift"))
        with listening(broker.port) as late:
            assert eventually(lambda: late.retained("deepbiq/door/drift"))
            assert json.loads(late.newest("deepbiq/door/verdict")) == result.describe()
            assert json.loads(late.newest("deepbiq/door/state")) == state.describe()
            assert json.loads(late.newest("deepbiq/door/drift")) == drift.describe()
            assert late.newest("deepbiq/availability") == "online"
            assert late.newest("deepbiq/door/availability") == "online"
            assert late.of("deepbiq/door/best") == []
            assert late.of("deepbiq/door/result") == []


def test_results_are_spaced_but_changes_are_not_held_back(broker):
    with publishing(broker.port, interval_s=3600.0) as sink, listening(broker.port) as seen:
        assert eventually(lambda: seen.newest("deepbiq/availability") == "online")
        for changed in (True, False, False, True, False):
            sink.take(a_result(changed=changed))
        sink.take(a_state(State.LOST))
        assert eventually(lambda: seen.of("deepbiq/door/state"))
        assert [json.loads(text)["changed"] for text in seen.of("deepbiq/door/result")] == [True, True]
        assert len(seen.of("deepbiq/door/verdict")) == 2
        assert seen.newest("deepbiq/door/availability") == "offline"


def test_closing_says_goodbye_and_leaves_no_thread(broker):
    before = threading.active_count()
    with listening(broker.port) as seen:
        with publishing(broker.port) as sink:
            assert eventually(lambda: seen.newest("deepbiq/availability") == "online")
        sink.close()
        assert eventually(lambda: seen.newest("deepbiq/availability") == "offline")
    assert eventually(lambda: threading.active_count() == before)


def test_the_broker_says_it_when_the_process_is_killed(broker):
    script = (
        "import sys, time\n"
        "from deepbiq.camera.config import MqttSection\n"
        "from deepbiq.camera.mqtt import MqttSink\n"
        "sink = MqttSink(MqttSection(host='127.0.0.1', port=int(sys.argv[1])), ['door'], '1', print)\n"
        "time.sleep(600)\n"
    )
    with listening(broker.port) as seen:
        child = subprocess.Popen([sys.executable, "-c", script, str(broker.port)])
        assert eventually(lambda: seen.newest("deepbiq/availability") == "online")
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert eventually(lambda: seen.newest("deepbiq/availability") == "offline")


def test_a_late_will_of_a_former_connection_is_contradicted(broker):
    with publishing(broker.port), listening(broker.port) as seen:
        assert eventually(lambda: seen.newest("deepbiq/availability") == "online")
        seen.client.publish("deepbiq/availability", "offline", qos=1, retain=True)
        assert eventually(lambda: seen.of("deepbiq/availability")[-2:] == ["offline", "online"])


def test_everything_comes_back_by_itself_after_the_broker_was_away(broker):
    old, new = a_result(changed=True, verdict=Verdict.REJECT), a_result(changed=True)
    kept = [Kept("door", f"/best/{number}.jpg", 80.0, 5.0, "window") for number in range(3)]
    with publishing(broker.port) as sink:
        with listening(broker.port) as seen:
            sink.take(a_state(State.LIVE))
            sink.take(old)
            assert eventually(lambda: seen.of("deepbiq/door/verdict"))
        broker.stop()
        assert eventually(lambda: not sink._online)
        sink.take(new)
        for event in kept:
            sink.take(event)
        broker.start()
        with listening(broker.port) as seen:
            assert eventually(lambda: len(seen.of("deepbiq/door/best")) == 3)
            assert json.loads(seen.newest("deepbiq/door/verdict")) == new.describe()
            assert seen.newest("deepbiq/availability") == "online"
            assert json.loads(seen.newest("deepbiq/door/state"))["state"] == "live"
            assert len(seen.of("homeassistant/device/deepbiq_deepbiq_door/config")) == 1
            assert [json.loads(text) for text in seen.of("deepbiq/door/best")] == [
                event.describe() for event in kept
            ]


def test_what_was_under_way_when_the_connection_broke_does_not_win_over_what_came_later(broker):
    with publishing(broker.port) as sink:
        assert eventually(lambda: sink._online)
        broker.freeze()
        for _ in range(50):  # more than the 20 that may be under way at once
            sink.take(a_result(changed=True, verdict=Verdict.REJECT))
        broker.stop()
        assert eventually(lambda: not sink._online)
        newest = a_result(changed=True)
        sink.take(newest)
        broker.start()
        with listening(broker.port) as seen:
            assert eventually(
                lambda: f'"frame": {newest.frame.number},' in (seen.newest("deepbiq/door/verdict") or "")
            )
        with listening(broker.port) as late:
            assert eventually(lambda: late.retained("deepbiq/door/verdict"))
            assert json.loads(late.newest("deepbiq/door/verdict")) == newest.describe()


def test_a_broker_that_hangs_holds_nothing_up_and_gets_the_newest_when_it_wakes(broker):
    with publishing(broker.port, interval_s=1e-6) as sink:
        assert eventually(lambda: sink._online)
        broker.freeze()
        done = threading.Thread(target=lambda: [sink.take(a_result()) for _ in range(5000)], daemon=True)
        done.start()
        done.join(20)
        assert not done.is_alive()
        newest = a_result(changed=True)
        sink.take(newest)
        broker.thaw()
        with listening(broker.port) as late:
            assert eventually(lambda: late.newest("deepbiq/door/verdict") == json.dumps(newest.describe()))


def test_home_assistant_is_told_of_every_camera(broker):
    with publishing(broker.port, cameras=["door", "yard"], topic="house/cams"), listening(broker.port) as seen:
        topic = "homeassistant/device/deepbiq_house_cams_yard/config"
        assert eventually(lambda: seen.of(topic))
        message = json.loads(seen.newest(topic))
        assert message["device"]["identifiers"] == ["deepbiq_house_cams_yard"]
        assert message["device"]["sw_version"] == message["origin"]["sw_version"] == "1.2.3"
        assert message["availability"] == [
            {"topic": "house/cams/availability"},
            {"topic": "house/cams/yard/availability"},
        ]
        components = message["components"]
        assert {name: part["platform"] for name, part in components.items()} == {
            "score": "sensor",
            "verdict": "sensor",
            "age": "sensor",
            "drift": "binary_sensor",
            "connected": "binary_sensor",
        }
        assert {part["state_topic"] for part in components.values()} == {
            f"house/cams/yard/{what}" for what in ("result", "verdict", "drift", "state")
        }
        assert all("value_template" in part and "name" in part for part in components.values())
        assert len({part["unique_id"] for part in components.values()}) == len(components)
        assert components["score"]["expire_after"] == 30
        assert components["connected"]["availability"] == [{"topic": "house/cams/availability"}]
        with listening(broker.port) as late:
            assert eventually(lambda: late.retained(topic))


def test_home_assistant_is_told_again_when_it_was_born(broker):
    topic = "homeassistant/device/deepbiq_deepbiq_door/config"
    with publishing(broker.port), listening(broker.port) as seen:
        assert eventually(lambda: len(seen.of(topic)) == 1)
        seen.client.publish("homeassistant/status", "offline", qos=1)
        seen.client.publish("homeassistant/status", "online", qos=1)
        assert eventually(lambda: len(seen.of(topic)) == 2)
        assert seen.of(topic)[0] == seen.of(topic)[1]


def test_without_a_prefix_nothing_is_discovered(broker):
    with publishing(broker.port, discovery="") as sink, listening(broker.port) as seen:
        sink.take(a_result(changed=True))
        assert eventually(lambda: seen.of("deepbiq/door/verdict"))
        assert not any(message.topic.startswith(("homeassistant", "/")) for message in seen.messages)


def test_triggers_arrive_clean_and_retained_ones_are_ignored(broker):
    names = []
    with listening(broker.port) as other:
        other.client.publish("deepbiq/trigger", "retained", qos=1, retain=True).wait_for_publish(20)
        with publishing(broker.port, on_trigger=names.append):
            assert eventually(lambda: other.newest("deepbiq/availability") == "online")
            for payload in ("bell", b"\xff/../x\n", "", b"a" * 100_000):
                other.client.publish("deepbiq/trigger", payload, qos=1)
            assert eventually(lambda: len(names) == 4)
    assert names == ["bell", "_x", "trigger", "a" * 64]


def test_a_trigger_that_fails_is_logged_and_the_next_one_works(broker, caplog):
    names = []

    def on_trigger(name):
        names.append(name)
        if name == "bad":
            raise RuntimeError("no folder")

    with listening(broker.port) as other, publishing(broker.port, on_trigger=on_trigger):
        assert eventually(lambda: other.newest("deepbiq/availability") == "online")
        other.client.publish("deepbiq/trigger", "bad", qos=1)
        other.client.publish("deepbiq/trigger", "good", qos=1)
        assert eventually(lambda: names == ["bad", "good"])
    assert "no folder" in caplog.text


@pytest.fixture
def guarded(tmp_path):
    """A broker that lets in only user cam with password s3cr3t."""
    if PROGRAM is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto or mosquitto_passwd is not installed")
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "cam", "s3cr3t"], check=True, capture_output=True)
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {users}")
    broker.start()
    yield broker
    broker.stop()


def test_the_password_comes_from_its_file_and_reaches_no_log(guarded, tmp_path, caplog):
    secret = tmp_path / "password"
    secret.write_text(" s3cr3t\n")
    with (
        caplog.at_level(logging.DEBUG),
        publishing(guarded.port, username="cam", password_file=secret),
        listening(guarded.port, "cam", "s3cr3t") as seen,
    ):
        assert eventually(lambda: seen.newest("deepbiq/availability") == "online")
    assert "connected" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_wrong_password_is_logged_once_and_holds_nothing_up(guarded, tmp_path, caplog):
    secret = tmp_path / "password"
    secret.write_text("wr0ng")
    with publishing(guarded.port, username="cam", password_file=secret) as sink:
        assert eventually(lambda: "refused: Not authorized" in caplog.text)
        for _ in range(2000):
            sink.take(a_result(changed=True))
        assert not sink._online
        assert caplog.text.count("refused") == 1
    assert "wr0ng" not in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_there_holds_nothing_up(host):
    before = time.monotonic()
    sink = MqttSink(MqttSection(host=host, port=1), ["door"], "1", print)
    for _ in range(500):
        sink.take(a_result(changed=True))
        sink.take(Kept("door", "/best/1.jpg", 80.0, 5.0, "window"))
    sink.close()
    assert time.monotonic() - before < 20
    assert len(sink._unsent_best) <= 100


def test_tls_wants_a_certificate_that_is_known(tmp_path, monkeypatch, caplog):
    if PROGRAM is None or shutil.which("openssl") is None:
        pytest.skip("mosquitto or openssl is not installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    broker = Broker(tmp_path, f"allow_anonymous true\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem")
    broker.start()
    try:
        with publishing(broker.port, tls=True) as sink:
            assert eventually(lambda: "cannot be reached" in caplog.text)
            assert not sink._online
        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(tmp_path / "cert.pem"))
        with publishing(broker.port, tls=True) as sink:
            assert eventually(lambda: sink._online)
    finally:
        broker.stop()


def refused(match, **section):
    with pytest.raises(OptionError, match=match):
        MqttSink(MqttSection(**section), ["door"], "1", print)


def test_settings_that_cannot_work_are_refused(tmp_path):
    refused("mqtt.host is not set")
    refused("without mqtt.username", host="h", password_file=tmp_path / "password")
    refused("password_file: .*cannot be read", host="h", username="cam", password_file=tmp_path / "password")
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    refused("cannot be read as text", host="h", username="cam", password_file=tmp_path / "password")
