"""Everything that a configuration asks for, started in order and stopped in the opposite one."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepbiq import __version__
from deepbiq.camera.capture import Camera
from deepbiq.camera.config import CameraSection, WatchConfig, WebSection
from deepbiq.camera.controls import WatchControls
from deepbiq.camera.drift_watch import DriftWatch
from deepbiq.camera.engine_guard import EngineGuard
from deepbiq.camera.events import Event, Fault, Sink
from deepbiq.camera.health import Health
from deepbiq.camera.judge import CameraJudge
from deepbiq.camera.keeper import BurstKeeper
from deepbiq.camera.metrics import Metrics
from deepbiq.camera.newest import FrameBoard
from deepbiq.camera.readers import ReadingOptions
from deepbiq.camera.sources import SourceSpec, parse_source
from deepbiq.camera.watch import Watch
from deepbiq.errors import OptionError
from deepbiq.scorer import load

STALE_SECONDS = 30.0
"""Age from which on a camera's newest result makes the service unready."""


@dataclass(frozen=True)
class Watching:
    """What runs.

    Attributes:
        watch: The loop, to be run.
        controls: Thresholds and triggers.
        health: Whether the loop turns and the cameras are fresh.
        events: Other threads put here what the sinks shall be told.
        port: Of the web page; None where there is none.
    """

    watch: Watch
    controls: WatchControls
    health: Health
    events: queue.SimpleQueue[Event]
    port: int | None


@contextmanager
def watching(config: WatchConfig, outputs: Sequence[Sink], tick: Callable[[], None]) -> Iterator[Watching]:
    """Starts everything that a configuration asks for; at the end all of it stops, and its last words are told.

    Args:
        config: With at least one camera.
        outputs: Who is told besides the web page, MQTT and metrics; closed at the end.
        tick: Called once each turn of the loop.

    Raises:
        OptionError: When there is no camera, or a part cannot do what it was asked for.
        CameraError: When a source can never be opened here.
        DeepBIQError: When the model cannot be loaded.
    """
    if not config.camera:
        raise OptionError("no camera to watch: name a SOURCE, or a [[camera]] in the configuration")
    sources = {camera.name: parse_source(camera.source) for camera in config.camera}
    token = _token(config.web)
    with ExitStack() as stack:
        for output in outputs:
            stack.callback(output.close)
        guard = EngineGuard(lambda: load(**config.score.model_dump()))
        stack.callback(guard.close)
        judges = {camera.name: _judge(config, camera) for camera in config.camera}
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        keeper = _keeper(config, judges, events)
        drift = DriftWatch(config.drift, _state_folder(config))
        controls = WatchControls(judges, keeper)
        health, metrics = Health(list(judges), STALE_SECONDS), Metrics(list(judges))
        sinks: list[Sink] = [health, metrics, *outputs]
        if config.mqtt.host is not None:
            sinks.append(_mqtt(config, list(judges), controls, events, stack))
        port = None
        if config.web.serve:
            port = _serve(config.web, guard, controls, metrics, health, token, sinks, stack)
        board = FrameBoard()
        watch = Watch(board, guard, judges, events, sinks, keeper=keeper, drift=drift, tick=[health.tick, tick])
        stack.callback(drift.close)
        stack.callback(watch.tell_posted)
        if keeper is not None:
            stack.callback(keeper.close)
        _start_cameras(config, sources, guard, board, events, stack)
        yield Watching(watch, controls, health, events, port)


def _judge(config: WatchConfig, camera: CameraSection) -> CameraJudge:
    return CameraJudge(camera.decision or config.decision, config.signals, camera.max_fps)


def _keeper(
    config: WatchConfig, judges: Mapping[str, CameraJudge], events: queue.SimpleQueue[Event]
) -> BurstKeeper | None:
    if config.best.folder is None:
        return None
    return BurstKeeper(config.best, lambda camera: judges[camera].decider.thresholds[0], events.put)


def _state_folder(config: WatchConfig) -> Path | None:
    """Returns where baselines are kept; systemd names a folder of the service by an environment variable."""
    if config.drift.folder is not None:
        return config.drift.folder
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else None


def _token(web: WebSection) -> str | None:
    if not web.serve:
        return None
    from deepbiq.camera.web.auth import required_token

    return required_token(web)


def _mqtt(
    config: WatchConfig,
    cameras: Sequence[str],
    controls: WatchControls,
    events: queue.SimpleQueue[Event],
    stack: ExitStack,
) -> Sink:
    from deepbiq.camera.mqtt import MqttSink

    sink = MqttSink(config.mqtt, cameras, __version__, lambda name: try_trigger(controls, name, events))
    stack.callback(sink.close)
    return sink


def try_trigger(controls: WatchControls, name: str, events: queue.SimpleQueue[Event]) -> None:
    """Triggers a burst for somebody who cannot be answered; where nothing can be kept, that is told as a fault."""
    try:
        controls.trigger(name)
    except OptionError as error:
        events.put(Fault(None, f"trigger {name!r}: {error}", time.time()))


def _serve(
    web: WebSection,
    guard: EngineGuard,
    controls: WatchControls,
    metrics: Metrics,
    health: Health,
    token: str | None,
    sinks: list[Sink],
    stack: ExitStack,
) -> int:
    from deepbiq.camera.web.app import create_app
    from deepbiq.camera.web.hub import WebHub
    from deepbiq.camera.web.server import WebServer

    hub = WebHub(web.history_s)
    app = create_app(hub, web, guard, guard.setting, controls, token=token, metrics=metrics.render, health=health)
    server = WebServer(app, web.host, web.port)
    stack.callback(server.close)
    stack.callback(hub.close)
    sinks.append(hub)
    return server.start()


def _start_cameras(
    config: WatchConfig,
    sources: Mapping[str, SourceSpec],
    guard: EngineGuard,
    board: FrameBoard,
    events: queue.SimpleQueue[Event],
    stack: ExitStack,
) -> None:
    cameras = []
    for section in config.camera:
        options = ReadingOptions(
            section.open_timeout_s, section.read_timeout_s, min_short_side=guard.setting.scale.short_side
        )
        cameras.append(Camera(section.name, sources[section.name], board, events.put, options))
    stack.callback(_stop, cameras)
    for camera in cameras:
        camera.start()


def _stop(cameras: Sequence[Camera]) -> None:
    for camera in cameras:
        camera.ask_to_stop()
    for camera in cameras:
        camera.stop()
