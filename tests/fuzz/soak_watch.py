"""Watch two cameras for a long time while something fails every few seconds, and see what is left over.

    python tests/fuzz/soak_watch.py --minutes 30 --seed 1 --output soak.json

All parts are real: an RTSP server, an HTTP stream of JPEGs, a Mosquitto broker, the web page with a client that
never reads, best shots on a disk. Faults, one after the other: a source is gone, stopped, stalled, sends damaged
pictures, changes its resolution; the broker restarts or freezes; the engine fails; the folder of best shots is
away; the wall clock jumps. After each fault both cameras must give fresh results again by themselves.

The report is one JSON object. Exit code 1 if the loop did not go on after a fault, memory grew by 20 MB or more
after the warm-up, or a thread or a descriptor was left over.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402 (the path must be set first)

from deepbiq.camera import assembly  # noqa: E402
from deepbiq.camera.assembly import watching  # noqa: E402
from deepbiq.camera.config import check_config  # noqa: E402
from deepbiq.camera.events import Event, Fault, Kept, Result  # noqa: E402
from deepbiq.diagnosis import circumstances  # noqa: E402
from deepbiq.files import write_atomically  # noqa: E402
from deepbiq_benchmarks.camera import resident_mb  # noqa: E402
from tests.runtime.camera.mjpeg_server import MjpegServer  # noqa: E402
from tests.runtime.camera.rtsp_process import RtspProcess  # noqa: E402
from tests.runtime.camera.servers.broker import Broker  # noqa: E402
from tests.runtime.camera.watching import open_files, wait_until  # noqa: E402

WARM_UP_S = 180.0
BACK_WITHIN_S = 60.0
GROWTH_MB = 20.0
PAUSE_S = (1.0, 4.0)
AWAY_S = (1.0, 4.0)
SAMPLE_S = 5.0
READ_TIMEOUT_S = 2.0
SIZES = ((160, 120), (320, 240), (200, 200))

load = assembly.load


@dataclass(frozen=True)
class Failure:
    """A fault to inject: how it begins, and how it ends."""

    kind: str
    begin: Callable[[], None]
    end: Callable[[], None]


class Seen:
    """A sink that counts."""

    def __init__(self) -> None:
        self.newest: dict[str, float] = {}
        self.results = self.kept = self.faults = 0

    def take(self, event: Event) -> None:
        if isinstance(event, Result):
            self.newest[event.camera] = event.frame.captured
            self.results += 1
        self.kept += isinstance(event, Kept)
        self.faults += isinstance(event, Fault)

    def close(self) -> None:
        pass


class Clock:
    """The wall clock of this process, which jumps."""

    def __init__(self) -> None:
        self._real = time.time
        self.offset = 0.0
        time.time = lambda: self._real() + self.offset

    def jump(self, seconds: float) -> None:
        self.offset = seconds


def failures_of(
    rtsp: RtspProcess,
    http: MjpegServer,
    broker: Broker,
    engines: list,
    folder: Path,
    rng: random.Random,
    clock: Clock,
) -> list[Failure]:
    aside = folder.with_name("aside")

    def change_sizes() -> None:
        http.size = rng.choice(SIZES)

    return [
        Failure("rtsp gone", rtsp.stop, lambda: rtsp.start(width=rng.choice((160, 320)), height=120)),
        Failure("rtsp stopped", rtsp.halt, rtsp.go_on),
        Failure("http gone", http.stop, http.start),
        Failure("http stalled", http.stalled.set, http.stalled.clear),
        Failure("http damaged", http.damaged.set, http.damaged.clear),
        Failure("http resolution", change_sizes, change_sizes),
        Failure("broker restarts", broker.stop, broker.start),
        Failure("broker frozen", broker.freeze, broker.thaw),
        Failure("engine", lambda: engines[-1].engine.close(), lambda: None),
        Failure("folder away", lambda: folder.rename(aside), lambda: aside.rename(folder)),
        Failure("clock forward", lambda: clock.jump(7200.0), lambda: clock.jump(0.0)),
        Failure("clock back", lambda: clock.jump(-7200.0), lambda: clock.jump(0.0)),
    ]


def idle_client(port: int) -> socket.socket:
    """Asks for the stream of pictures and never reads it."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET /api/cameras/http/stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return client


def seconds_until_fresh(seen: Seen, since: float) -> float | None:
    while time.monotonic() < since + BACK_WITHIN_S:
        if all(seen.newest.get(name, 0.0) > since for name in ("rtsp", "http")):
            return time.monotonic() - since
        time.sleep(0.02)
    return None


def soak(minutes: float, seed: int, folder: Path) -> dict:
    rng = random.Random(seed)
    engines: list = []

    def recorded(**options):
        engines[:] = [load(**options)]
        return engines[0]

    assembly.load = recorded
    rtsp, http, broker, clock = RtspProcess(), MjpegServer(fps=10), Broker(folder), Clock()
    best = folder / "best"
    rtsp.start(width=320, height=240)
    http.start()
    broker.start()
    config = check_config(
        {
            "score": {"threads": 1},
            "decision": {"accept": 1, "reject": 0},
            "best": {"folder": best, "window_s": 5, "quota_mb": 1},
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "web": {"serve": True, "port": 0},
            "camera": [
                {"name": "rtsp", "source": rtsp.address(), "read_timeout_s": READ_TIMEOUT_S},
                {"name": "http", "source": http.address(), "read_timeout_s": READ_TIMEOUT_S},
            ],
        },
        "soak",
    )
    seen, stop, memory, injected = Seen(), threading.Event(), [], []
    waiting: list[Failure] = []
    failures = failures_of(rtsp, http, broker, engines, best, rng, clock)
    with watching(config, [seen], lambda: None) as running:
        loop = threading.Thread(target=running.watch.run, args=(stop,), name="watch")
        loop.start()
        client = idle_client(running.port)
        begin = sampled = time.monotonic()
        while time.monotonic() < begin + 60 * minutes and loop.is_alive():
            if not waiting:
                waiting = rng.sample(failures, len(failures))
            failure = waiting.pop()
            failure.begin()
            time.sleep(rng.uniform(*AWAY_S))
            failure.end()
            back = seconds_until_fresh(seen, time.monotonic())
            injected.append({"kind": failure.kind, "seconds": back and round(back, 3)})
            time.sleep(rng.uniform(*PAUSE_S))
            if time.monotonic() > sampled + SAMPLE_S:
                sampled = time.monotonic()
                memory.append((round(sampled - begin, 1), round(resident_mb(), 2)))
        alive = loop.is_alive()
        stop.set()
        loop.join()
        client.close()
    rtsp.stop()
    http.stop()
    broker.stop()
    return {"loop_alive": alive, "results": seen.results, "kept": seen.kept, "faults": seen.faults,
            "memory_mb": memory, "injected": injected}  # fmt: skip


def open_kinds() -> Counter[str]:
    """Counts what is open by its kind, once garbage is gone: clients and event loops refer to themselves."""
    gc.collect()
    return Counter(map(kind_of, open_files()))


def kind_of(link: str) -> str:
    """Returns `socket` for `socket:[123]`; paths as they are."""
    return link.partition(":[")[0]


def summarise(run: dict) -> dict:
    seconds = [each["seconds"] for each in run["injected"] if each["seconds"] is not None]
    warm = [mb for at, mb in run["memory_mb"] if at >= min(WARM_UP_S, run["memory_mb"][-1][0] / 3)]
    third = max(len(warm) // 3, 1)
    return {
        "n": len(run["injected"]),
        "never": len(run["injected"]) - len(seconds),
        "back_s": dict(
            zip(("p50", "p95", "max"), np.percentile(seconds, (50, 95, 100)).round(3).tolist(), strict=True)
        ),
        "growth_mb": round(float(np.median(warm[-third:]) - np.median(warm[:third])), 2),
        "most_mb": max(warm),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="the report, JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deepbiq-soak-") as folder:
        soak(0.2, arguments.seed, Path(folder))  # what libraries keep for ever is taken before anything is counted
    threads, files = threading.active_count(), open_kinds()
    with tempfile.TemporaryDirectory(prefix="deepbiq-soak-") as folder:
        run = soak(arguments.minutes, arguments.seed, Path(folder))
    wait_until(lambda: threading.active_count() <= threads, f"threads end: {threading.enumerate()}")
    left = {
        "threads": threading.active_count() - threads,
        "descriptors": sorted((open_kinds() - files).elements()),
    }
    report = {
        "minutes": arguments.minutes, "seed": arguments.seed, **circumstances(), **summarise(run),
        "left_over": left, **run,
    }  # fmt: skip
    write_atomically(arguments.output, json.dumps(report, indent=1).encode())
    good = report["never"] == 0 and report["growth_mb"] < GROWTH_MB and run["loop_alive"]
    return 0 if good and left["threads"] <= 0 and not left["descriptors"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
