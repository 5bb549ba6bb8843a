"""An archive to measure: the same photographs under many names, with broken files mixed in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from deepbiq_benchmarks.peers_material import read_bgr

_FILES_OF_FOLDER = 1000
_OVERSIZE_BMP = b"BM" + b"\0" * 12 + (40).to_bytes(4, "little") + (60000).to_bytes(4, "little") * 2 + b"\1\0\x18\0"
"""The start of a file that claims 3,600 megapixels."""


def describe(photographs: Sequence[Path]) -> dict[str, Any]:
    """Reads every photograph once; says how many there are, and how large they are on average.

    Raises:
        ImageError: When one cannot be read or decoded.
    """
    sizes = [read_bgr(path).shape for path in photographs]
    return {
        "n": len(photographs),
        "mean_megapixels": sum(height * width for height, width, _ in sizes) / len(sizes) / 1e6,
        "mean_mb": sum(path.stat().st_size for path in photographs) / len(sizes) / 1e6,
    }


def make_archive(photographs: Sequence[Path], folder: Path, *, pictures: int, broken: int) -> None:
    """Makes a folder of so many files, evenly spread over subfolders, without copying a photograph.

    Args:
        photographs: Files that can be scored, at least one; they repeat under other names.
        folder: Empty.
        pictures: Names of good files.
        broken: Files that cannot be scored, of every kind in turn, evenly mixed in.
    """
    kinds = cycle(_KINDS)
    every = max(1, pictures // broken) if broken else pictures + 1
    damaged = 0
    for number, photograph in enumerate(islice(cycle(photographs), pictures)):
        place = folder / f"{number // _FILES_OF_FOLDER:04d}"
        place.mkdir(exist_ok=True)
        _link(photograph, place / f"{number:07d}{photograph.suffix}")
        if number % every == 0 and damaged < broken:
            damaged += 1
            next(kinds)(place / f"{number:07d}-broken.jpg", photograph)


def _link(photograph: Path, name: Path) -> None:
    try:
        os.link(photograph, name)
    except OSError:  # on another file system
        name.symlink_to(photograph.resolve())


def _cut(name: Path, photograph: Path) -> None:
    whole = photograph.read_bytes()
    name.write_bytes(whole[: len(whole) // 2])


def _cut_in_header(name: Path, photograph: Path) -> None:
    name.write_bytes(photograph.read_bytes()[:20])


def _empty(name: Path, photograph: Path) -> None:  # noqa: ARG001  # one signature for all kinds
    name.touch()


def _words(name: Path, photograph: Path) -> None:  # noqa: ARG001
    name.write_text("not a picture")


def _oversize(name: Path, photograph: Path) -> None:  # noqa: ARG001
    name.write_bytes(_OVERSIZE_BMP + bytes(24))


def _dangling(name: Path, photograph: Path) -> None:  # noqa: ARG001
    name.symlink_to("nowhere")


_KINDS: tuple[Callable[[Path, Path], None], ...] = (_cut, _cut_in_header, _empty, _words, _oversize, _dangling)
