"""Rows, and whole little archives, for tests of the results folder and of what reads it."""

from __future__ import annotations

import hashlib

from deepbiq.archive.results import Results
from deepbiq.archive.row import Facts, Listed, Row, Yardstick

YARDSTICK = Yardstick("tiny@0123456789ab", "dense", "prediction-avg", "256", "fp32")
OTHER_MODEL = Yardstick("other@ba9876543210", "dense", "prediction-avg", "256", "fp32")


def an_input(number, *, version=0):
    """An input of an archive; another version of it is a file that has changed."""
    return Listed(f"/archive/{number:05d}.jpg", 1000 + number, 1_700_000_000_123_456_789 + version)


def a_row(listed, *, score=50.0, yardstick=YARDSTICK):
    """The row that scoring an input gives."""
    content = f"{listed.path} {listed.mtime_ns}".encode("utf-8", "surrogateescape")
    facts = Facts(listed.size, listed.mtime_ns, hashlib.sha256(content).hexdigest(), 640, 480)
    return Row(listed.path, facts, yardstick, "onnxruntime", score, "fair", 3.5)


def a_failure(listed, error="no such file", *, yardstick=YARDSTICK):
    """The row of an input that could not be read."""
    return Row(listed.path, Facts(listed.size, listed.mtime_ns), yardstick, "onnxruntime", error=error)


def score_pending(results, *, shard_rows=5, row_of=a_row):
    """Scores what is pending; returns the paths in their order."""
    paths, shard = [], []
    for listed in results.pending():
        paths.append(listed.path)
        shard.append(row_of(listed))
        if len(shard) == shard_rows:
            results.append(shard)
            shard = []
    results.append(shard)
    return paths


def run_once(folder, inputs, *, shard_rows=5):
    """A whole call: opens, scores what is pending, settles."""
    with Results.open(folder, YARDSTICK) as results:
        results.take_stock(inputs)
        score_pending(results, shard_rows=shard_rows)
        results.settle()
