"""Kill `deepbiq archive` with SIGKILL again and again, go on each time, and look at what is left on disk.

    python tests/fuzz/kill_archive.py --kills 100 --seed 1

An uninterrupted run gives the reference. Then the same command is killed and given again, until it has been killed
so many times: at any moment from its start, or while it writes a shard; half of the time with its whole process
group, and sometimes its journal is removed as well. Whenever a run comes to its end, its table is compared with the
reference and the next one begins in an empty folder. The report is one JSON object on standard output. Exit code 1
if a shard is torn, a table differs, a process survives its parent, or a kill costs more than one shard of scores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]

WRONG = ("torn", "differing", "survivors", "too_expensive")
"""The entries of a report that must be empty."""
END_SECONDS = 20.0


@dataclass(frozen=True)
class Archive:
    """What is scored, and how.

    Attributes:
        pictures: The folder of the inputs.
        shard_rows: Rows of a shard.
        bundle: A bundle; None takes the one that ships with deepbiq.
    """

    pictures: Path
    shard_rows: int
    bundle: Path | None

    def command(self, results: Path, log: Path) -> list[str]:
        """Return the command that scores it and notes each scored picture with a byte in a log."""
        arguments = [str(self.pictures), "--out", str(results), "--shard-rows", str(self.shard_rows)]
        bundle = [] if self.bundle is None else ["--bundle", str(self.bundle)]
        return [sys.executable, __file__, "--log", str(log), "archive", *arguments, *bundle]


def score(log: Path, words: list[str]) -> None:
    """Run `deepbiq`, noting each picture that was scored; runs in the child process."""
    import deepbiq.scorer
    from deepbiq.cli.main import main

    noted = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    load = deepbiq.scorer.load

    def load_noting(*arguments, **options):
        scorer = load(*arguments, **options)
        score_in_worker = scorer.score_in_worker

        def score_and_note(picture):
            result = score_in_worker(picture)
            os.write(noted, b".")
            return result

        scorer.score_in_worker = score_and_note
        return scorer

    deepbiq.scorer.load = load_noting
    sys.argv = ["deepbiq", *words]
    main()


def make_pictures(folder: Path, count: int, seed: int) -> None:
    """Make pictures of several sizes, every tenth of them broken in some way."""
    import cv2

    samples = [cv2.imread(str(path)) for path in sorted((ROOT / "samples").glob("*.jpg"))]
    chosen = random.Random(seed)
    for number in range(count):
        side = chosen.choice((100, 300, 500))
        picture = cv2.resize(samples[number % len(samples)], (side + 2 * (number % 50), side))
        data = cv2.imencode(".jpg", picture)[1].tobytes()
        damaged = (b"", data[: len(data) // 2], b"no picture", data[:20] + bytes(99) + data[119:])
        name = f"{number:05}".encode() + (b"\xff\n.jpg" if number % 7 == 0 else b".jpg")
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(damaged[number // 10 % len(damaged)] if number % 10 == 9 else data)


def run(kills: int, seed: int, folder: Path, archive: Archive) -> dict[str, object]:
    """Kill and resume so many times, and judge after each kill what is left.

    Args:
        kills: How often.
        seed: Of the moments.
        folder: An empty folder for results.
        archive: What is scored.

    Returns:
        Counts, and what was wrong.
    """
    chosen = random.Random(seed)
    results, log = folder / "results", folder / "log"
    start = time.monotonic()
    reference = _finished_table(archive, folder / "reference", log)
    seconds = time.monotonic() - start
    counts = Counter(inputs=reference.num_rows, shard_rows=archive.shard_rows, most_scored_twice=0)
    wrong: dict[str, list[str]] = {key: [] for key in WRONG}
    safe = 0
    while counts["kills"] < kills:
        killed = _start_and_kill(archive, results, log, chosen, seconds)
        wrong["survivors"] += killed.survivors
        wrong["torn"] += _torn(results)
        if killed.ended:
            wrong["differing"] += _differences(reference, results)
            shutil.rmtree(results)
            counts["completed"] += 1
            safe = 0
            continue
        counts["kills"] += 1
        counts[killed.how] += 1
        counts["killed_with_an_unfinished_file"] += any(results.glob(".*"))
        before, safe = safe, _scored_rows(results)
        twice = killed.scored - (safe - before)
        counts["scored_twice"] += twice
        counts["most_scored_twice"] = max(counts["most_scored_twice"], twice)
        sys.stderr.write(f"kill {counts['kills']} of {kills}: {killed.how}, {safe} safe, {twice} scored twice\n")
        if twice > archive.shard_rows:
            wrong["too_expensive"].append(f"kill {counts['kills']}: {twice} pictures")
        if chosen.random() < 0.2:
            (results / "_journal.sqlite").unlink(missing_ok=True)
            counts["journals_removed"] += 1
    _finished_table(archive, results, log)
    wrong["differing"] += _differences(reference, results)
    return {**counts, **wrong}


def good(report: dict[str, object]) -> bool:
    """Return whether nothing happened that must never happen."""
    return bool(report["kills"]) and not any(report[key] for key in WRONG)


@dataclass(frozen=True)
class _Killed:
    """A run that was killed, or came to its end before.

    Attributes:
        how: Which kill it was.
        ended: Whether it came to its end.
        scored: Pictures that it scored.
        survivors: Its processes that outlived it.
    """

    how: str
    ended: bool
    scored: int
    survivors: list[str]


def _start_and_kill(archive: Archive, results: Path, log: Path, chosen: random.Random, seconds: float) -> _Killed:
    while_writing, whole_group = chosen.random() < 0.4, chosen.random() < 0.5
    with _child(archive, results, log) as process:
        if while_writing:
            _wait_for_unfinished_shard(process, results)
            time.sleep(chosen.uniform(0, 0.003))
        else:
            _wait(process, chosen.uniform(0, seconds))
        ended = process.poll() is not None
        if ended and process.returncode:
            raise RuntimeError(f"the command ended by itself with {process.returncode}: its error is above")
        if whole_group and not ended:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        survivors = _survivors(process.pid)
    how = "group_killed" if whole_group else "process_killed"
    return _Killed(how + ("_while_writing" if while_writing else ""), ended, log.stat().st_size, survivors)


@contextmanager
def _child(archive: Archive, results: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    log.write_bytes(b"")
    command = archive.command(results, log)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            if process.wait() > 0:
                sys.stderr.buffer.write(process.stderr.read())


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _wait_for_unfinished_shard(process: subprocess.Popen[bytes], results: Path) -> None:
    while process.poll() is None:
        if results.is_dir() and any(name.startswith(".rows-") for name in os.listdir(results)):
            return
        time.sleep(0.0002)


def _survivors(group: int) -> list[str]:
    """Return the processes of a group that do not end by themselves soon."""
    end = time.monotonic() + END_SECONDS
    while time.monotonic() < end:
        alive = [stat for stat in _process_states() if int(stat[2]) == group and stat[0] not in "ZX"]
        if not alive:
            return []
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    return [f"a process of group {group} in state {stat[0]}" for stat in alive]


def _process_states() -> Iterator[list[str]]:
    """Yield what proc(5) has of each process behind its name: its state, parent, group, and so on."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue


def _finished_table(archive: Archive, results: Path, log: Path):
    with _child(archive, results, log) as process:
        _, stderr = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the command ended with {process.returncode}: {os.fsdecode(stderr)}")
    return _table(results)


def _table(results: Path):
    import pyarrow.parquet as pq

    # All shards as they are, not by deepbiq's own reader, which would hide a row that is there twice.
    return pq.read_table(results).sort_by([("path", "ascending"), ("path_bytes", "ascending")])


def _torn(results: Path) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in sorted(results.glob("rows-*.parquet")):
        try:
            pq.read_table(shard)
        except (OSError, pa.ArrowException) as error:
            yield f"{shard.name}: {error}"


def _scored_rows(results: Path) -> int:
    import pyarrow.parquet as pq

    shards = results.glob("rows-*.parquet")
    tables = [pq.read_table(shard, columns=["score"]) for shard in shards]
    return sum(len(table) - table["score"].null_count for table in tables)


def _differences(reference, results: Path) -> list[str]:
    table = _table(results)
    if table.equals(reference):
        return []
    return [f"{table.num_rows} rows instead of {reference.num_rows}, or other ones"]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--shard-rows", type=int, default=50)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options, words = parser.parse_known_args()
    if options.log is not None:
        score(options.log, sys.argv[sys.argv.index("archive") :])
        return
    if words:
        parser.error(f"unknown arguments: {' '.join(words)}")
    with tempfile.TemporaryDirectory(prefix="deepbiq-kill-") as temporary:
        folder = Path(temporary)
        (folder / "pictures").mkdir()
        make_pictures(folder / "pictures", options.pictures, options.seed)
        archive = Archive(folder / "pictures", options.shard_rows, bundle=None)
        report = run(options.kills, options.seed, folder, archive)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    sys.exit(not good(report))


if __name__ == "__main__":
    main()
