"""Damage good picture files at random and watch what becomes of them.

    python tests/fuzz/mutate_pictures.py --count 20000 --seed 1            # decoding only
    python tests/fuzz/mutate_pictures.py --count 2000 --seed 1 --score     # the whole way to a score

Every file is handled in a child process, so that a crash or a hang is an entry in the report and not its end. The
report is one JSON object on standard output. Exit code 1 if anything happened that must never happen: a crash, a
hang, an exception other than ImageError, a file cut short that was not refused, an intact file that was.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]

from tests.fuzz.picture_samples import Sample, samples  # noqa: E402 (the path must be set first)

ACCEPTED, REFUSED, CRASHED, HUNG, UNEXPECTED = "accepted", "refused", "crashed", "hung", "unexpected"
_START_SECONDS = 120.0  # for imports and, with --score, for loading the bundle


@dataclass(frozen=True)
class Case:
    """One file to try.

    Attributes:
        index: Its number; the same seed and number always give the same file.
        sample: The good file that it was made from.
        mutation: How.
        data: The file.
    """

    index: int
    sample: str
    mutation: str
    data: bytes


def flip(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Overwrite one to eight bytes, mostly near the start, where the headers are."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(needed, 256)) if rng.random() < 0.5 else rng.randrange(len(damaged))
        damaged[at] = rng.choice(
            (0x00, 0x01, 0x7F, 0x80, 0xD9, 0xFF, damaged[at] ^ 1 << rng.randrange(8), rng.randrange(256))
        )
    return bytes(damaged)


def truncate(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Cut the file before its last needed byte."""
    return data[: rng.randrange(needed)]


def insert(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Put one to 32 bytes somewhere."""
    at = rng.randrange(needed)
    new = rng.choice((rng.randbytes(rng.randint(1, 32)), bytes(rng.randint(1, 32)), b"\xff\xd9", b"\xff\xd8\xff"))
    return data[:at] + new + data[at:]


def remove(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Take one to 64 bytes out."""
    at = rng.randrange(needed)
    return data[:at] + data[at + rng.randint(1, 64) :]


def reseal(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Overwrite bytes and make the checksums of a PNG right again, so that the damage reaches the decoder."""
    damaged = bytearray(flip(data, needed, rng))
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(damaged):
        end = at + 8 + int.from_bytes(damaged[at : at + 4], "big")
        damaged[end : end + 4] = zlib.crc32(damaged[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(damaged)


def combine(data: bytes, needed: int, rng: random.Random) -> bytes:
    """Apply two or three mutations one after the other."""
    for _ in range(rng.randint(2, 3)):
        if data:
            data = rng.choice((flip, truncate, insert, remove))(data, min(needed, len(data)), rng)
    return data


MUTATIONS: dict[str, Callable[[bytes, int, random.Random], bytes]] = {
    "flip": flip,
    "truncate": truncate,
    "insert": insert,
    "remove": remove,
    "reseal": reseal,
    "combine": combine,
}


def cases(files: dict[str, Sample], count: int, seed: int) -> Iterator[Case]:
    """Return the intact files, then `count` mutated ones."""
    names = sorted(files)
    for name in names:
        yield Case(-1, name, "intact", files[name].data)
    for index in range(count):
        rng = random.Random(f"{seed}/{index}")
        name, mutation = rng.choice(names), rng.choice(list(MUTATIONS))
        yield Case(index, name, mutation, MUTATIONS[mutation](files[name].data, files[name].needed, rng))


def serve(connection: Connection, score: bool) -> None:
    """Handle files that arrive through a pipe until it closes; runs in the child process."""
    handle = _scorer() if score else _decoder()
    # The decoders' own remarks on damaged data would bury everything else.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    connection.send(("ready", ""))
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        connection.send(_outcome(handle, data))


def _outcome(handle: Callable[[bytes], None], data: bytes) -> tuple[str, str]:
    from deepbiq.errors import ImageError

    try:
        handle(data)
    except ImageError as error:
        return (REFUSED, "") if "\n" not in str(error) else (UNEXPECTED, f"a message of several lines: {error}")
    except Exception as error:  # noqa: BLE001 (to be reported, whatever it is)
        return UNEXPECTED, f"{type(error).__name__}: {error}"
    return ACCEPTED, ""


def _decoder() -> Callable[[bytes], None]:
    from deepbiq.imaging import decode_bytes

    def handle(data: bytes) -> None:
        picture = decode_bytes(data, min_short_side=64)
        if picture.bgr.shape[2] != 3 or min(picture.bgr.shape[:2]) < 64:
            raise AssertionError(f"pixels of shape {picture.bgr.shape}")

    return handle


def _scorer() -> Callable[[bytes], None]:
    import deepbiq

    scorer = deepbiq.load()

    def handle(data: bytes) -> None:
        score = scorer(data).score
        if not (math.isfinite(score) and 0 <= score <= 100):
            raise AssertionError(f"a score of {score}")

    return handle


class Child:
    """A process that handles files and may die of it."""

    def __init__(self, score: bool, seconds: float) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._score = score
        self._seconds = seconds
        self._start()

    def _start(self) -> None:
        self._connection, other = self._context.Pipe()
        self._process = self._context.Process(target=serve, args=(other, self._score), daemon=True)
        self._process.start()
        other.close()
        if not self._connection.poll(_START_SECONDS):
            raise TimeoutError("the child process does not start")
        try:
            self._connection.recv()
        except EOFError:
            raise SystemExit("the child process cannot start: its error is above") from None

    def handle(self, data: bytes) -> tuple[str, str]:
        """Return what became of a file, and a remark."""
        try:
            self._connection.send_bytes(data)
            if self._connection.poll(self._seconds):
                return self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode
            self._start()
            return CRASHED, f"exit code {code}"
        self.close()
        self._start()
        return HUNG, f"more than {self._seconds:g} s"

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def run(count: int, seed: int, *, score: bool = False, seconds: float = 5.0) -> dict[str, object]:
    """Try the intact files and `count` damaged ones.

    Args:
        count: Number of damaged files.
        seed: Any number; the same one gives the same files.
        score: Score them instead of only decoding them.
        seconds: After so long a file counts as hung.

    Returns:
        The report: outcomes by number, files that were wrongly accepted or refused, and what must never happen.
    """
    started = time.monotonic()
    accepted = "scored" if score else "decoded"
    outcomes = Counter({accepted: 0, REFUSED: 0, CRASHED: 0, HUNG: 0, UNEXPECTED: 0})
    by_mutation: dict[str, Counter[str]] = {}
    cut_short, intact_refused, failures = [], [], []
    child = Child(score, seconds)
    try:
        for case in cases(samples(), count, seed):
            outcome, remark = child.handle(case.data)
            label = accepted if outcome == ACCEPTED else outcome
            entry = {"index": case.index, "sample": case.sample, "mutation": case.mutation, "remark": remark}
            if case.mutation == "intact":
                if outcome != ACCEPTED:
                    intact_refused.append(entry)
                continue
            outcomes[label] += 1
            by_mutation.setdefault(case.mutation, Counter())[label] += 1
            if outcome in (CRASHED, HUNG, UNEXPECTED):
                failures.append({"outcome": outcome, **entry})
            if case.mutation == "truncate" and outcome == ACCEPTED:
                cut_short.append({"bytes": len(case.data), **entry})
    finally:
        child.close()
    return {
        "count": count,
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
        "outcomes": dict(outcomes),
        "by_mutation": {name: dict(counts) for name, counts in sorted(by_mutation.items())},
        f"cut_short_{accepted}": cut_short,
        "intact_refused": intact_refused,
        "failures": failures,
    }


def passed(report: dict[str, object]) -> bool:
    """Tell whether nothing happened that must never happen."""
    forbidden = ("cut_short_decoded", "cut_short_scored", "intact_refused", "failures")
    return not any(report.get(name) for name in forbidden)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000, help="damaged files to try (default 20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--score", action="store_true", help="score the files instead of only decoding them")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="after so long a file counts as hung (default 5)"
    )
    parser.add_argument("--keep", type=Path, help="folder for the files of all failures")
    options = parser.parse_args()
    report = run(options.count, options.seed, score=options.score, seconds=options.seconds)
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
    if options.keep:
        _keep(options.keep, report, options.count, options.seed)
    return 0 if passed(report) else 1


def _keep(folder: Path, report: dict[str, object], count: int, seed: int) -> None:
    wanted = {entry["index"] for key in report if isinstance(report[key], list) for entry in report[key]}
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases(samples(), count, seed):
        if case.index in wanted:
            (folder / f"{seed}-{case.index}-{case.sample}-{case.mutation}").write_bytes(case.data)


if __name__ == "__main__":
    raise SystemExit(main())
