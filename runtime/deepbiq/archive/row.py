"""What an archive run reads and what it leaves: one `Listed` per input, one `Row` per result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Listed:
    """An input, as its source lists it.

    Attributes:
        path: Absolute path, or a URL; undecodable bytes of a file name are lone surrogates (PEP 383).
        size: Bytes, or None where the source does not say.
        mtime_ns: Modification time in nanoseconds since 1970, UTC, or None where the source does not say.
        fault: Why it could not be listed, for example a folder that may not be read; it becomes the row's error.
    """

    path: str
    size: int | None = None
    mtime_ns: int | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a file once it has been read, whether or not it is a picture.

    Attributes:
        size: Bytes that were read, or as listed where it could not be read.
        mtime_ns: Modification time of what was read, in nanoseconds since 1970, UTC.
        content_hash: SHA-256 of the file, 64 hexadecimal digits; None where it could not be read to its end.
        width: Pixels of the whole picture, upright.
        height: Pixels of the whole picture, upright.
        camera: Make and model, from EXIF.
        taken: When it was taken by the camera's own clock, from EXIF; without a time zone, as cameras leave it.
        perceptual_hash: See `likeness`; None where nothing was decoded.
    """

    size: int | None = None
    mtime_ns: int | None = None
    content_hash: str | None = None
    width: int | None = None
    height: int | None = None
    camera: str | None = None
    taken: datetime | None = None
    perceptual_hash: bytes | None = None


@dataclass(frozen=True)
class Yardstick:
    """What scores must have in common to be compared: one results folder holds one per model.

    Attributes:
        model: The bundle's name and the start of its manifest's SHA-256.
        plan: The sampling plan.
        pool: The pooling.
        scale: The short side in pixels that pictures are brought down to, or `native`.
        precision: What the engine computes in.
    """

    model: str
    plan: str
    pool: str
    scale: str
    precision: str


@dataclass(frozen=True)
class Row:
    """One result: a picture's score, or why it has none.

    Attributes:
        path: As in `Listed`.
        facts: What is known of the file.
        yardstick: What the score was made with.
        engine: The inference engine.
        score: 0 (bad) to 100 (excellent); None with an error.
        label: `bad`, `poor`, `fair`, `good` or `excellent`; None with an error.
        spread: Standard deviation over the picture's crops or windows, in score points; None with an error.
        warnings: One sentence for each way in which pixels were interpreted.
        error: Why there is no score; without the path.
    """

    path: str
    facts: Facts
    yardstick: Yardstick
    engine: str
    score: float | None = None
    label: str | None = None
    spread: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None


def storable_ns(mtime_ns: int) -> int | None:
    """Returns a time if it can be stored; None for years after 2262, which some file systems can hold.

    Tables and the journal have 64 bits for the nanoseconds since 1970.
    """
    return mtime_ns if -(2**63) <= mtime_ns < 2**63 else None
