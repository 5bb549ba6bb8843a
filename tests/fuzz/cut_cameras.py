"""Cut a camera's stream again and again and measure how soon it is seen again after its return.

    python tests/fuzz/cut_cameras.py --cuts 50 --seed 1 --output cuts.json

The sources are a real RTSP server that is killed or stopped by SIGSTOP, and an HTTP server whose stream of JPEGs
ends or stalls. They are away for a few seconds, longer than the read timeout where they only stall, and stay for a
few in between. Measured is from the moment at which a source takes connections again, or goes on, to the first
frame that was captured after it. The report is one JSON object. Exit code 1 if a stream was not seen again, the
95th percentile is above five seconds, or a thread or a descriptor was left over.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]

import numpy as np  # noqa: E402 (the path must be set first)

from deepbiq.camera.readers import ReadingOptions  # noqa: E402
from deepbiq.camera.sources import parse_source  # noqa: E402
from deepbiq.files import write_atomically  # noqa: E402
from tests.runtime.camera.mjpeg_server import MjpegServer  # noqa: E402
from tests.runtime.camera.rtsp_process import RtspProcess  # noqa: E402
from tests.runtime.camera.watching import Watching, open_files, wait_until  # noqa: E402

LIMIT_S = 5.0
GIVEN_UP_S = 60.0
GONE_S = (1.0, 6.0)
STALLED_S = (6.0, 10.0)
PLAYED_S = (1.0, 4.0)


@dataclass(frozen=True)
class Cut:
    """A way to take a source away for some time.

    Attributes:
        kind: Its name.
        begin: Takes the source away.
        end: Brings it back.
        lasting_s: For how long, from and to.
    """

    kind: str
    begin: Callable[[], None]
    end: Callable[[], None]
    lasting_s: tuple[float, float]


def cuts_of(server: RtspProcess | MjpegServer) -> list[Cut]:
    gone = Cut("gone", server.stop, server.start, GONE_S)
    if isinstance(server, RtspProcess):
        return [gone, Cut("stopped by SIGSTOP", server.halt, server.go_on, STALLED_S)]
    return [gone, Cut("stalled", server.stalled.set, server.stalled.clear, STALLED_S)]


def seconds_until_seen(watched: Watching, returned: float) -> float | None:
    while time.monotonic() < returned + GIVEN_UP_S:
        for frame in watched.board.wait(1.0):
            if frame.captured > returned:
                return frame.captured - returned
    return None


def measure(watched: Watching, cuts: list[Cut], count: int, rng: random.Random) -> list[dict]:
    measured = []
    watched.next_frame()
    for number in range(count):
        time.sleep(rng.uniform(*PLAYED_S))
        cut = cuts[number % len(cuts)]
        away_s = rng.uniform(*cut.lasting_s)
        cut.begin()
        time.sleep(away_s)
        cut.end()
        seconds = seconds_until_seen(watched, time.monotonic())
        measured.append({"kind": cut.kind, "away_s": round(away_s, 2), "seconds": seconds and round(seconds, 3)})
    return measured


def summarise(measured: list[dict]) -> dict:
    seen = [cut["seconds"] for cut in measured if cut["seconds"] is not None]
    summary = {"n": len(measured), "never": len(measured) - len(seen)}
    for name, percent in (("p50_s", 50), ("p95_s", 95), ("max_s", 100)):
        summary[name] = round(float(np.percentile(seen, percent)), 3) if seen else None
    return summary


def run(source: str, count: int, seed: int) -> dict:
    server = RtspProcess() if source == "rtsp" else MjpegServer()
    server.start()
    watched = Watching(parse_source(server.address()), ReadingOptions())
    watched.camera.start()
    try:
        measured = measure(watched, cuts_of(server), count, random.Random(seed))
        reconnects = watched.camera.reconnects
    finally:
        stopped = watched.camera.stop()
        server.stop()
    return {**summarise(measured), "reconnects": reconnects, "stopped": stopped, "cuts": measured}


def left_over(threads: int, files: int) -> dict[str, int]:
    wait_until(lambda: threading.active_count() <= threads, "threads end")
    return {"threads": threading.active_count() - threads, "descriptors": len(open_files()) - files}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=50, help="of each source")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="the report, JSON")
    arguments = parser.parse_args()
    threads, files = threading.active_count(), len(open_files())
    with ThreadPoolExecutor() as pool:
        runs = {source: pool.submit(run, source, arguments.cuts, arguments.seed) for source in ("rtsp", "http")}
        sources = {source: done.result() for source, done in runs.items()}
    report = {
        "seed": arguments.seed,
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "sources": sources,
        "left_over": left_over(threads, files),
    }
    write_atomically(arguments.output, json.dumps(report, indent=1).encode())
    good = all(run["never"] == 0 and run["p95_s"] <= LIMIT_S and run["stopped"] for run in sources.values())
    return 0 if good and not any(report["left_over"].values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
