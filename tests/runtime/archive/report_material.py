"""A results folder for the report: real pictures, bursts, copies, hostile names, and made-up rows."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta

import cv2
import numpy as np

from deepbiq.archive.likeness import perceptual_hash
from deepbiq.archive.results import Results
from deepbiq.archive.row import Facts, Row, Yardstick
from deepbiq.labels import label_of

YARDSTICK = Yardstick("tiny-0123456789ab", "dense", "prediction-avg", "256", "fp32")
HOSTILE = (
    b"<img src=x onerror=alert(1)>.jpg",
    b"<script>alert(2)<!--.jpg",
    b'it\'s "quoted" & 100%.jpg',
    b"two\nlines.jpg",
    b"not utf-8 \xff\xfe.jpg",
    "Überblick ünd Ähre.jpg".encode(),
)
ERRORS = (
    "the JPEG ends after {} of {} bytes",
    "no such file",
    "it claims {} x {} pixels, more than 100 megapixels",
    "it is a pipe, not a file",
)
START = datetime(2026, 5, 1, 9, 0, 0)


def row_of(path, score, **facts):
    """A row with a score, or with an error where the score is None; `path` may be bytes."""
    path = os.fsdecode(path)
    error = facts.pop("error", None)
    warnings = facts.pop("warnings", ())
    if score is None:
        return Row(path, Facts(**facts), YARDSTICK, "onnxruntime", error=error or "no such file")
    spread = 3.0 + score / 50
    label = label_of(score)
    return Row(path, Facts(**facts), YARDSTICK, "onnxruntime", score, label, spread, warnings)


def row_of_file(path, score, **more):
    """The row of a picture that is really there, as a run would have left it."""
    data = path.read_bytes()
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    status = path.stat()
    facts = {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "content_hash": hashlib.sha256(data).hexdigest(),
        "width": bgr.shape[1],
        "height": bgr.shape[0],
        "perceptual_hash": perceptual_hash(bgr),
    }
    return row_of(str(path), score, **{**facts, **more})


def write_results(folder, rows, shard_rows=5000):
    with Results.open(folder, YARDSTICK) as results:
        for begin in range(0, len(rows), shard_rows):
            results.append(rows[begin : begin + shard_rows])
    return folder


def real_pictures(folder, samples):
    """Copies, bursts and hostile names among pictures that are really there; returns their rows."""
    folder.mkdir()
    random = np.random.default_rng(3)
    rows = []

    def keep(name, bgr, score, quality=90, **more):
        path = folder / os.fsdecode(name)
        path.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
        rows.append(row_of_file(path, score, **more))

    for place, sample in enumerate(samples):
        bgr = cv2.imread(str(sample))
        stem = sample.stem
        for copy, quality in enumerate((92, 60, 25)):
            keep(f"{stem}-q{quality}.jpg", bgr, 88.0 - 7 * place - 9 * copy, quality)
        tall, wide = bgr.shape[:2]
        for shot in range(8):
            shift = 2 + 2 * shot
            framed = np.ascontiguousarray(bgr[shift : tall - 20 + shift, shift : wide - 30 + shift])
            blurred = cv2.GaussianBlur(framed, (0, 0), 0.4 + 0.5 * abs(shot - 3))
            taken = START + timedelta(hours=place, seconds=shot)
            score = 81.0 - 6 * place - 4 * abs(shot - 3)
            keep(f"{stem}_{shot:04d}.jpg", blurred, score, camera="Canon EOS R6", taken=taken)
    for place, name in enumerate(HOSTILE):
        noise = random.integers(0, 256, (12, 16, 3)).astype(np.uint8)
        keep(
            name,
            cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC),
            3.0 + place,
            camera="</script><script>alert(3)</script>",
        )
    return rows


def made_up_rows(count, errors, root="/photos"):
    """Rows of pictures that are nowhere, in several folders and of several cameras."""
    random = np.random.default_rng(5)
    cameras = ("NIKON D750", "Canon EOS R6", "samsung SM-G991B", None)
    scores = np.clip(random.normal(66, 16, count), 0, 100)
    rows = []
    for number, score in enumerate(scores.tolist()):
        path = f"{root}/{2019 + number % 7}/{number % 12 + 1:02d}/IMG_{number:05d}.jpg"
        facts = {
            "size": int(random.integers(50_000, 9_000_000)),
            "mtime_ns": 1_700_000_000_000_000_000 + number,
            "content_hash": f"{number:064x}",
        }
        if number < errors:
            error = ERRORS[number % len(ERRORS)].format(number, 2 * number)
            rows.append(row_of(path, None, error=error, **facts))
            continue
        rows.append(
            row_of(
                path, score, **facts, width=6000, height=4000, camera=cameras[number % 4],
                taken=START + timedelta(minutes=number) if number % 4 < 3 else None,
                perceptual_hash=random.bytes(32),
                warnings=("its colour profile was not applied",) if number % 50 == 0 else (),
            )
        )  # fmt: skip
    return rows
