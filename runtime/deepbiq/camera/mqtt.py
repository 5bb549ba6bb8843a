"""Events over MQTT: what lasts is retained and published again after every reconnect, results come and go."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from deepbiq.camera.config import MqttSection
from deepbiq.camera.events import CameraState, Drift, Event, Kept, Result, State
from deepbiq.camera.mqtt_discovery import discovery_message, discovery_topic
from deepbiq.camera.triggers import trigger_name
from deepbiq.errors import OptionError

ONLINE, OFFLINE = "online", "offline"

KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS = (1, 30)
"""Least and longest wait between two attempts; it doubles in between."""

MOST_QUEUED = 1000
"""Messages that wait for a broker which is connected but takes nothing, until the connection counts as dead."""

MOST_KEPT = 100
"""Best shots that wait for a connection; the newest win."""

FAREWELL_SECONDS = 2.0

_LOGGER = logging.getLogger(__name__)


class MqttSink:
    """Publishes to a broker from a thread of its own; neither a broker that is away nor one that hangs is felt.

    Topics below `section.topic`: `availability` (online or offline, also the last will), and per camera
    `availability`, `result` (at most every `interval_s`, changes at once), `verdict` (at each change), `state`,
    `best`, `drift`. All but `result` and `best` are retained. Whoever publishes a name on `trigger` triggers.

    Args:
        section: The broker, with a host.
        cameras: Their names.
        version: Of this program.
        on_trigger: Called in the client's thread with each trigger's name; returns at once.

    Raises:
        OptionError: When the section has no host, or its password cannot be read or has no user.
    """

    def __init__(
        self, section: MqttSection, cameras: Sequence[str], version: str, on_trigger: Callable[[str], None]
    ) -> None:
        self._section = section
        self._topic = section.topic
        self._cameras = cameras
        self._version = version
        self._on_trigger = on_trigger
        self._lock = threading.Lock()
        self._online = False
        self._complaint = ""
        self._lasting = {f"{self._topic}/{camera}/availability": OFFLINE for camera in cameras}
        self._unsent_best: deque[tuple[str, str]] = deque(maxlen=MOST_KEPT)
        self._result_at: dict[str, float] = {}
        self._result_out: dict[str, MQTTMessageInfo] = {}
        self._client = self._make_client()
        self._client.connect_async(_host(section), section.port, keepalive=KEEPALIVE_SECONDS)
        self._client.loop_start()

    def take(self, event: Event) -> None:
        """Publishes one event, or remembers what lasts until there is a connection; see `Sink`."""
        with self._lock:
            if isinstance(event, Result):
                self._take_result(event)
            elif isinstance(event, CameraState):
                self._last(f"{event.camera}/state", json.dumps(event.describe()))
                self._last(f"{event.camera}/availability", ONLINE if event.state is State.LIVE else OFFLINE)
            elif isinstance(event, Drift):
                self._last(f"{event.camera}/drift", json.dumps(event.describe()))
            elif isinstance(event, Kept):
                self._take_best(event)

    def close(self) -> None:
        """Publishes that nobody is here any more, and disconnects, within a few seconds; see `Sink`."""
        with self._lock:
            was_online, self._online = self._online, False
        if was_online:
            farewell = self._client.publish(f"{self._topic}/availability", OFFLINE, qos=1, retain=True)
            _wait_out(farewell, FAREWELL_SECONDS)
        self._client.disconnect()
        # The client's thread may be resolving a name or connecting, for longer than a stop may take.
        stopping = threading.Thread(target=self._client.loop_stop, daemon=True)
        stopping.start()
        stopping.join(FAREWELL_SECONDS)

    def _make_client(self) -> Client:
        section = self._section
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"deepbiq-{uuid.uuid4().hex[:12]}")
        client.username_pw_set(section.username, _password(section))
        if section.tls:
            client.tls_set_context(ssl.create_default_context())
        client.max_queued_messages_set(MOST_QUEUED)
        client.reconnect_delay_set(*RECONNECT_SECONDS)
        client.will_set(f"{self._topic}/availability", OFFLINE, qos=1, retain=True)
        client.on_connect = self._subscribe
        client.on_connect_fail = self._note_failure
        client.on_subscribe = self._go_online
        client.on_disconnect = self._go_offline
        client.message_callback_add(f"{self._topic}/trigger", self._trigger)
        client.message_callback_add(f"{self._topic}/availability", self._contradict)
        if section.discovery:
            client.message_callback_add(f"{section.discovery}/status", self._greet)
        return client

    def _take_result(self, event: Result) -> None:
        due = self._online and (event.changed or self._is_due(event.camera))
        if not (due or event.changed):
            return
        payload = json.dumps(event.describe())
        if event.changed:
            self._last(f"{event.camera}/verdict", payload)
        if due:
            self._result_at[event.camera] = time.monotonic()
            self._result_out[event.camera] = self._client.publish(f"{self._topic}/{event.camera}/result", payload)

    def _is_due(self, camera: str) -> bool:
        if camera not in self._result_at:
            return True
        waited_s = time.monotonic() - self._result_at[camera]
        return waited_s >= self._section.interval_s and _is_out(self._result_out[camera])

    def _take_best(self, event: Kept) -> None:
        topic, payload = f"{self._topic}/{event.camera}/best", json.dumps(event.describe())
        if self._online:
            self._client.publish(topic, payload, qos=1)
        else:
            self._unsent_best.append((topic, payload))

    def _last(self, below: str, payload: str) -> None:
        topic = f"{self._topic}/{below}"
        self._lasting[topic] = payload
        if self._online:
            self._client.publish(topic, payload, qos=1, retain=True)

    def _subscribe(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._complain(f"refused: {reason}")
            return
        topics = [f"{self._topic}/trigger", f"{self._topic}/availability"]
        if self._section.discovery:
            topics.append(f"{self._section.discovery}/status")
        client.subscribe([(topic, 1) for topic in topics])

    def _go_online(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        # Here and not when the connection is accepted: first the client sends again what was under way when the
        # old one broke, and what is retained must be the newest.
        if any(reason.is_failure for reason in reasons):
            _LOGGER.warning("MQTT %s: subscriptions refused, triggers may not arrive", self._where)
        _LOGGER.info("MQTT %s: connected", self._where)
        self._complaint = ""
        with self._lock:
            self._online = True
            self._result_at.clear()
            self._client.publish(f"{self._topic}/availability", ONLINE, qos=1, retain=True)
            self._discover()
            for topic, payload in self._lasting.items():
                self._client.publish(topic, payload, qos=1, retain=True)
            while self._unsent_best:
                topic, payload = self._unsent_best.popleft()
                self._client.publish(topic, payload, qos=1)

    def _go_offline(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # No lock: the client may hold one that publishing, under ours, waits for.
        was_online, self._online = self._online, False
        if was_online:
            self._complain(f"connection lost: {reason}")

    def _note_failure(self, _client: Client, _data: Any) -> None:
        self._complain("cannot be reached")

    def _trigger(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.retain:  # it would trigger anew at every reconnect
            return
        name = trigger_name(bytes(message.payload))
        try:
            self._on_trigger(name)
        except Exception:  # it would end the client's thread
            _LOGGER.exception("MQTT %s: trigger %s failed", self._where, name)

    def _contradict(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        # The last will of a connection that broke unnoticed comes up to 45 s after the next one was made.
        if message.payload == OFFLINE.encode() and self._online:
            self._client.publish(message.topic, ONLINE, qos=1, retain=True)

    def _greet(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.payload == ONLINE.encode():
            with self._lock:
                self._discover()

    def _discover(self) -> None:
        if not self._section.discovery:
            return
        expire_after_s = max(30, round(10 * self._section.interval_s))
        for camera in self._cameras:
            message = discovery_message(self._topic, camera, self._version, expire_after_s)
            topic = discovery_topic(self._section.discovery, self._topic, camera)
            self._client.publish(topic, json.dumps(message), qos=1, retain=True)

    def _complain(self, what: str) -> None:
        if what != self._complaint:
            _LOGGER.warning("MQTT %s: %s; trying again for ever", self._where, what)
        self._complaint = what

    @property
    def _where(self) -> str:
        return f"{self._section.host}:{self._section.port}"


def _host(section: MqttSection) -> str:
    if section.host is None:
        raise OptionError("mqtt.host is not set: name the broker")
    return section.host


def _password(section: MqttSection) -> str | None:
    if section.password_file is None:
        return None
    if section.username is None:
        raise OptionError("mqtt.password_file is set without mqtt.username: name the user whose password it is")
    return _secret(section.password_file)


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"mqtt.password_file: {path} cannot be read as text: {error}") from error


def _is_out(message: MQTTMessageInfo) -> bool:
    try:
        return message.is_published()
    except (RuntimeError, ValueError):  # it was lost with its connection
        return True


def _wait_out(message: MQTTMessageInfo, timeout_s: float) -> None:
    try:
        message.wait_for_publish(timeout_s)
    except (RuntimeError, ValueError) as error:
        _LOGGER.warning("MQTT: could not say goodbye: %s", error)
