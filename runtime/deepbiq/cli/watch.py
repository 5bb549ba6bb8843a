"""`deepbiq watch`: cameras in, verdicts out, for months."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbiq.camera.sources import SOURCE_HELP
from deepbiq.cli.exit_codes import INTERRUPTED
from deepbiq.cli.output import say
from deepbiq.configuration import THREADS_HELP
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import CameraError, OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP
from deepbiq.plans import PLAN_HELP
from deepbiq.signal_handlers import handlers_kept

if TYPE_CHECKING:
    from deepbiq.camera.config import WatchConfig
    from deepbiq.camera.events import Sink
    from deepbiq.camera.json_lines import JsonLines
    from deepbiq.camera.text_lines import TextLines


class WatchFormat(str, Enum):
    """How events are printed."""

    AUTO = "auto"
    TEXT = "text"
    JSONL = "jsonl"


def watch(
    sources: Annotated[
        list[str] | None, typer.Argument(help=f"What to watch: {SOURCE_HELP}.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML with everything below and more; see `deepbiq config`. Options win.")
    ] = None,
    accept: Annotated[
        float | None, typer.Option(help="Smoothed score from which on a picture is accepted.")
    ] = None,
    reject: Annotated[float | None, typer.Option(help="Smoothed score below which it is rejected.")] = None,
    hysteresis: Annotated[
        float | None, typer.Option(help="Points beyond a threshold before a verdict ends.")
    ] = None,
    smoothing: Annotated[float | None, typer.Option(help="Time constant of the smoothing, in seconds.")] = None,
    max_fps: Annotated[float | None, typer.Option(help="Most frames a second that are scored of a camera.")] = None,
    best: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep the best accepted frames here.")] = None,
    window: Annotated[float | None, typer.Option(help="Keep the best of every so many seconds.")] = None,
    count: Annotated[int | None, typer.Option(help="Frames that are kept of a window or trigger.")] = None,
    quota_mb: Annotated[float | None, typer.Option(help="Most megabytes of best frames.")] = None,
    trigger_stdin: Annotated[
        bool, typer.Option("--trigger-stdin", help="Each line on standard input keeps the best frames around it.")
    ] = False,
    serve: Annotated[bool | None, typer.Option("--serve/--no-serve", help="Serve the web page.")] = None,
    host: Annotated[str | None, typer.Option(help="Its address; any but loopback needs a token.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port; 0 takes any free one.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file with the token, readable for you alone.")] = None,
    mqtt: Annotated[str | None, typer.Option(metavar="HOST", help="Publish to this MQTT broker.")] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the built-in one).")
    ] = None,
    plan: Annotated[str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).")] = None,
    engine: Annotated[str | None, typer.Option(help=ENGINE_HELP)] = None,
    precision: Annotated[str | None, typer.Option(help=f"{PRECISION_HELP}.")] = None,
    threads: Annotated[int | None, typer.Option(help=THREADS_HELP)] = None,
    fmt: Annotated[
        WatchFormat,
        typer.Option(
            "--format",
            help="Events on stdout: text has a line per change, jsonl all of them; auto is text on a terminal.",
        ),
    ] = WatchFormat.AUTO,
) -> None:
    """Watch cameras: score the newest frames, accept or reject the picture, keep the best shots, tell everybody.

    Runs until its sources have ended (video files do, cameras are looked for again for ever) or it is interrupted.
    Events go to stdout, logs to stderr. Several SOURCEs share one engine; to name them use a configuration.

    Exit codes: 0 the sources have ended or it was told to stop, 2 usage, 4 bundle or engine unusable, 5 a source
    that can never be opened here, 130 interrupted.
    """
    require_extra(
        "camera", "pydantic", "tomlkit", "watchdog", "prometheus_client", "fastapi", "uvicorn", "paho.mqtt"
    )
    from deepbiq.camera.assembly import try_trigger, watching
    from deepbiq.camera.logs import logging_to
    from deepbiq.camera.systemd import SystemdService
    from deepbiq.camera.triggers import StdinTriggers

    options: dict[str, dict[str, Any]] = {
        "score": {"bundle": bundle, "plan": plan, "engine": engine, "precision": precision, "threads": threads},
        "decision": {"accept": accept, "reject": reject, "hysteresis": hysteresis, "smoothing_s": smoothing},
        "best": {"folder": best, "window_s": window, "count": count, "quota_mb": quota_mb},
        "web": {"serve": serve, "host": host, "port": port, "token_file": token_file},
        "mqtt": {"host": mqtt},
    }
    settings = _settings(config, options, _cameras(sources or []), max_fps)
    _refuse_idle(settings, options, trigger_stdin=trigger_stdin)
    output = _output(fmt)
    stop = threading.Event()

    def tick() -> None:
        if output.gone:
            stop.set()

    with ExitStack() as stack:
        stack.enter_context(logging_to(sys.stderr, settings.log))
        running = stack.enter_context(watching(settings, _sinks(output, fmt), tick))
        if trigger_stdin:
            triggers = StdinTriggers(sys.stdin, lambda name: try_trigger(running.controls, name, running.events))
            stack.callback(triggers.close)
        if running.port is not None:
            address = settings.web.host if ":" not in settings.web.host else f"[{settings.web.host}]"
            say(f"the page is at http://{address}:{running.port}/")
        service = SystemdService(lambda: bool(running.health.live()["ok"]))
        stack.callback(service.close)
        with _stopped_by_signals(stop) as interrupted:
            service.ready()
            running.watch.run(stop)
            service.stopping()
        stack.close()
    if interrupted():
        raise typer.Exit(INTERRUPTED)
    if running.watch.never_opened and not stop.is_set():
        raise CameraError("; ".join(running.watch.never_opened))


def _settings(
    file: Path | None, options: dict[str, dict[str, Any]], cameras: list[dict[str, Any]], max_fps: float | None
) -> WatchConfig:
    """Lays the options over the configuration, also over what its cameras have of their own; checks the whole."""
    from deepbiq.camera.config import WatchConfig, check_config, read_config

    base = WatchConfig() if file is None else read_config(file)
    values = base.model_dump()
    for section, section_options in options.items():
        values[section] |= _given(section_options)
    values["camera"] = cameras or values["camera"]
    for camera in values["camera"]:
        camera |= _given({"max_fps": max_fps})
        if camera.get("decision") is not None:
            camera["decision"] |= _given(options["decision"])
    return check_config(values, "options" if file is None else f"options and {file}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse_idle(settings: WatchConfig, options: dict[str, dict[str, Any]], *, trigger_stdin: bool) -> None:
    """Refuses options that would change nothing; raises OptionError where one of them was given."""
    triggered = trigger_stdin or settings.web.serve or settings.mqtt.host is not None
    if settings.best.folder is None:
        given = [*_given(options["best"]), *(["trigger_stdin"] if trigger_stdin else [])]
        _refuse(given, "nothing is kept without --best FOLDER or best.folder")
    elif options["best"]["folder"] is not None and settings.best.window_s is None and not triggered:
        _refuse(["best"], "nothing is kept without --window, --trigger-stdin, --serve or --mqtt")
    if not settings.web.serve:
        given = [name for name in _given(options["web"]) if name != "serve"]
        _refuse(given, "nothing is served without --serve or web.serve")


def _refuse(names: list[str], why: str) -> None:
    if names:
        options = ", ".join("--" + name.removesuffix("_s").replace("_", "-") for name in names)
        raise OptionError(f"{options}: {why}")


def _cameras(sources: list[str]) -> list[dict[str, Any]]:
    single = len(sources) == 1
    return [
        {"name": "camera" if single else f"camera-{number}", "source": source}
        for number, source in enumerate(sources, start=1)
    ]


def _output(fmt: WatchFormat) -> JsonLines | TextLines:
    from deepbiq.camera.json_lines import JsonLines
    from deepbiq.camera.text_lines import TextLines

    return TextLines(sys.stdout) if _is_text(fmt) else JsonLines(sys.stdout)


def _sinks(output: JsonLines | TextLines, fmt: WatchFormat) -> list[Sink]:
    from deepbiq.camera.event_log import EventLog

    # Lines of text on a terminal say what the log would say again.
    return [output] if _is_text(fmt) and sys.stdout.isatty() else [output, EventLog()]


def _is_text(fmt: WatchFormat) -> bool:
    return fmt is WatchFormat.TEXT or (fmt is WatchFormat.AUTO and sys.stdout.isatty())


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[Callable[[], bool]]:
    """Lets SIGINT and SIGTERM end the loop after the frame in work; a second one ends the process as usual.

    Yields:
        Says whether SIGINT came.
    """
    received: list[int] = []
    with handlers_kept() as before:

        def end(number: int, frame: object) -> None:  # noqa: ARG001  # Python's signature
            received.append(number)
            stop.set()
            signal.signal(number, before[number])

        for number in before:
            signal.signal(number, end)
        yield lambda: signal.SIGINT in received
