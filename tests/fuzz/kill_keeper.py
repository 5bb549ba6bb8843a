"""Kill a process with SIGKILL again and again while it keeps best frames, and look at what is left on disk.

    python tests/fuzz/kill_keeper.py --kills 200 --seed 1

The process keeps the best frames of short windows and writes each announcement to its standard output. It is killed
at a random moment and started again in the same folder. At the end every picture must decode, its sidecar must say
the same score as its name, and every announced picture must be there. The report is one JSON object on standard
output. Exit code 1 if a picture or a sidecar is torn, an announced picture is lost or another one than announced.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]

START_SECONDS = 60.0
SIZE = (360, 640)
WRONG = ("faults", "torn", "lost", "differing", "temporaries_after_a_clean_start")
"""The entries of a report that must be empty."""


def keep_for_ever(folder: Path, seed: int) -> None:
    """Keep the best ten of windows of a tenth of a second, until killed; runs in the child process."""
    import numpy as np

    from deepbiq.camera.config import BestSection
    from deepbiq.camera.keeper import BurstKeeper
    from tests.runtime.camera.burst_material import result

    # One write for each line: a killed process then announces it wholly or not at all.
    def announce(event) -> None:
        os.write(1, (json.dumps(event.describe()) + "\n").encode())

    section = BestSection(folder=folder, window_s=0.1, count=10, before_s=0.2, after_s=0.1)
    keeper = BurstKeeper(section, lambda camera: 0.0, announce)
    random_values = np.random.default_rng(seed)
    noise = random_values.integers(0, 40, (*SIZE, 3), np.uint8)
    for number in range(sys.maxsize):
        score = float(random_values.uniform(0, 100))
        bgr = noise + np.uint8(round(2 * score))
        keeper.offer(result(score, time.monotonic(), bgr=bgr, number=number, captured_at=time.time()))
        if number % 20 == 19:
            keeper.trigger("twentieth")
        time.sleep(0.005)


def run(kills: int, seed: int, folder: Path) -> dict[str, object]:
    """Start and kill the process so many times, and judge after each kill what is left.

    What was judged is taken away, so that the disk does not fill; what a killed process left unfinished stays.

    Args:
        kills: How often.
        seed: Of the moments.
        folder: Where it keeps its pictures; empty at first.

    Returns:
        Counts, and what was wrong by the names of the files.
    """
    moments = random.Random(seed)
    counts = Counter(kills=kills)
    wrong: dict[str, list[str]] = {key: [] for key in WRONG}
    for number in range(kills):
        events = [json.loads(line) for line in _run_and_kill(folder, number, moments.uniform(0.0, 0.3))]
        kept = [event for event in events if event["event"] == "best"]
        wrong["faults"] += [event["what"] for event in events if event["event"] == "fault"]
        wrong["torn"] += _torn(folder)
        wrong["lost"] += [event["path"] for event in kept if not Path(event["path"]).exists()]
        wrong["differing"] += [event["path"] for event in kept if _differs(Path(event["path"]), event)]
        counts["announced"] += len({event["path"] for event in kept})
        counts["pictures"] += len(list(folder.glob("*.jpg")))
        counts["killed_while_writing"] += any(path.name.startswith(".") for path in folder.iterdir())
        counts["killed_between_sidecar_and_picture"] += _take_pairs_away(folder)
    _clean_start(folder)
    wrong["temporaries_after_a_clean_start"] += [
        path.name for path in folder.iterdir() if path.name.startswith(".")
    ]
    return {**counts, **wrong}


def good(report: dict[str, object]) -> bool:
    """Return whether nothing happened that must never happen."""
    return bool(report["announced"]) and not any(report[key] for key in WRONG)


def _run_and_kill(folder: Path, seed: int, seconds: float) -> list[str]:
    """Return what the process announced until it was killed, so many seconds after its first announcement."""
    with _child(folder, seed) as process:
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.readlines()
    if not first:
        raise RuntimeError(f"the process ended by itself with {process.returncode}: its error is above")
    # A line cut short was never announced; a pipe takes one write whole, so there should be none.
    return [line for line in [first, *rest] if line.endswith("\n")]


@contextmanager
def _child(folder: Path, seed: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, "--keep", str(folder), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(START_SECONDS, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def _clean_start(folder: Path) -> None:
    from deepbiq.camera.config import BestSection
    from deepbiq.camera.keeper import BurstKeeper

    BurstKeeper(BestSection(folder=folder), lambda camera: 0.0, lambda event: None).close()


def _torn(folder: Path) -> Iterator[str]:
    from deepbiq.errors import ImageError
    from deepbiq.imaging import decode_bytes

    for picture in sorted(folder.glob("*.jpg")):
        try:
            bgr = decode_bytes(picture.read_bytes()).bgr
            about = json.loads(picture.with_suffix(".json").read_text())
        except (ImageError, OSError, ValueError) as error:
            yield f"{picture.name}: {error}"
            continue
        # The frames' grey says their score: noise of mean 19.5 over twice the score.
        shown, named = (bgr.mean() - 19.5) / 2, float(picture.stem.split("Z-")[1])
        if bgr.shape != (*SIZE, 3) or abs(shown - about["score"]) > 1 or abs(named - about["score"]) > 0.051:
            yield f"{picture.name}: shows a score of {shown:.1f}, its sidecar says {about['score']}"


def _take_pairs_away(folder: Path) -> int:
    """Remove pictures and sidecars; return how many sidecars were alone."""
    sidecars = list(folder.glob("*.json"))
    alone = sum(not path.with_suffix(".jpg").exists() for path in sidecars)
    for path in [*folder.glob("*.jpg"), *sidecars]:
        path.unlink()
    return alone


def _differs(picture: Path, event: dict[str, object]) -> bool:
    sidecar = picture.with_suffix(".json")
    return not sidecar.exists() or json.loads(sidecar.read_text())["score"] != event["score"]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keep is not None:
        keep_for_ever(options.keep, options.seed)
        return
    with tempfile.TemporaryDirectory(prefix="deepbiq-kill-") as folder:
        report = run(options.kills, options.seed, Path(folder))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    sys.exit(not good(report))


if __name__ == "__main__":
    main()
