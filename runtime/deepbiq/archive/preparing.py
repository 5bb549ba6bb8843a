"""From an input to pixels at their scale, and what is known of the file; done in decode processes and Ray tasks."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepbiq.archive.exif_facts import exif_facts
from deepbiq.archive.likeness import perceptual_hash
from deepbiq.archive.row import Facts, Listed, storable_ns
from deepbiq.errors import ImageError
from deepbiq.imaging import Limits, decode_bytes, printable, read_content
from deepbiq.scale import Scale, bring_to_scale


@dataclass(frozen=True)
class Preparation:
    """How pictures are prepared; plain numbers, so that it travels between processes.

    Attributes:
        short_side: What the short side is brought down to, in pixels; None keeps every pixel.
        max_pixels: Most pixels of a picture at full size.
        max_bytes: Most bytes of a file.
    """

    short_side: int | None
    max_pixels: int
    max_bytes: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """An input that has been read, or could not be.

    Attributes:
        facts: What is known of the file.
        bgr: (H, W, 3) uint8, BGR, contiguous, at its scale; None with an error.
        warnings: One sentence for each way in which pixels were interpreted.
        error: Why there are no pixels, without the path.
    """

    facts: Facts
    bgr: npt.NDArray[np.uint8] | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None


def prepare(listed: Listed, how: Preparation) -> Prepared:
    """Reads, hashes, decodes and scales an input; a bad file gives an error, never an exception."""
    limits = Limits(how.max_pixels, how.max_bytes)
    try:
        data, facts = _read(listed, limits)
    except ImageError as error:
        return unread(listed, error.fault)
    try:
        picture = decode_bytes(data, name=listed.path, limits=limits, min_short_side=how.short_side)
    except ImageError as error:
        return Prepared(facts, error=printable(error.fault))
    bgr = np.ascontiguousarray(bring_to_scale(picture.bgr, Scale(how.short_side)))
    camera, taken = exif_facts(data, picture.header.format) if picture.header else (None, None)
    facts = replace(
        facts,
        width=picture.width,
        height=picture.height,
        camera=camera,
        taken=taken,
        perceptual_hash=perceptual_hash(bgr),
    )
    return Prepared(facts, bgr, picture.warnings)


def identify(listed: Listed, how: Preparation) -> Prepared:
    """Reads and hashes an input and stops there: no pixels, no error if it can be read."""
    try:
        _, facts = _read(listed, Limits(how.max_pixels, how.max_bytes))
    except ImageError as error:
        return unread(listed, error.fault)
    return Prepared(facts)


def unread(listed: Listed, fault: str) -> Prepared:
    """Returns what is left of an input that could not be read: how it was listed, and why."""
    return Prepared(Facts(size=listed.size, mtime_ns=listed.mtime_ns), error=printable(fault))


def _read(listed: Listed, limits: Limits) -> tuple[bytes, Facts]:
    if listed.fault is not None:
        raise ImageError(listed.path, listed.fault)
    data, mtime_ns = _read_bytes(listed, limits)
    return data, Facts(size=len(data), mtime_ns=mtime_ns, content_hash=hashlib.sha256(data).hexdigest())


def _read_bytes(listed: Listed, limits: Limits) -> tuple[bytes, int | None]:
    if os.path.isabs(listed.path):  # noqa: PTH117  # a str may hold bytes that Path would keep, too; no gain
        content = read_content(listed.path, limits)
        return content.data, storable_ns(content.mtime_ns)
    # Only here: local archives pay nothing for the libraries of remote ones.
    from deepbiq.archive.remote import fetch

    data, mtime_ns = fetch(listed.path, limits)
    return data, listed.mtime_ns if mtime_ns is None else mtime_ns
