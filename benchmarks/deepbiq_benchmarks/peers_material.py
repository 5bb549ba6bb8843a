"""What peers are timed and rated on: 512x512 pictures for the clock, a data set's own pictures for the accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepbiq.datasets import RatedPicture, find_dataset
from deepbiq.errors import OptionError
from deepbiq.even_picks import pick_evenly
from deepbiq.imaging import decode_bytes, read_bytes
from deepbiq.scale import resize
from deepbiq_benchmarks.peers import Bgr
from deepbiq_benchmarks.photographs import find_photographs

SIDE = 512
"""Of every picture that is timed, in pixels: what the default bundle was trained at."""


@dataclass(frozen=True, eq=False)
class PeersMaterial:
    """The pictures.

    Attributes:
        timed: Pictures of 512x512 pixels, at least one.
        timed_names: Their files.
        rated: Pictures with human scores; empty where there is no data set.
        dataset: Name of the data set; None without one.
        split: Its split, likewise.
    """

    timed: list[Bgr]
    timed_names: list[str]
    rated: list[RatedPicture]
    dataset: str | None
    split: str | None


def find_peers_material(
    root: Path | None, dataset: str, split: str | None, images: Sequence[str], timed: int, rated: int | None
) -> PeersMaterial:
    """Reads what is measured on.

    Args:
        root: Folder of a data set; None rates nothing.
        dataset: Its name.
        split: Its split; None takes `test`, or `all` where it has none.
        images: Files, folders and globs to time; empty takes pictures of the data set, evenly spread over it.
        timed: How many pictures are timed at most.
        rated: How many pictures are rated, evenly spread over the split; None takes all.

    Raises:
        OptionError: When there is neither a data set nor a picture, or a split or number without a data set.
        ImageError: When a picture that is to be timed cannot be read.
    """
    if root is None and not images:
        raise OptionError("give --root with the folder of a data set, or --images with pictures to time")
    if root is None and (split is not None or rated is not None):
        raise OptionError("--split and --accuracy-pictures choose of a data set: give its folder by --root")
    pictures: list[RatedPicture] = []
    if root is not None:
        data_set = find_dataset(dataset)
        split = split or data_set.split_or_all("test")
        pictures = data_set.read(root, split)
    paths = find_photographs(images)
    chosen = pick_evenly(paths or [picture.path for picture in pictures], timed)
    known = (dataset, split) if root is not None else (None, None)
    names = [path.name for path in chosen]
    picked = pictures if rated is None else pick_evenly(pictures, rated)
    return PeersMaterial([square(read_bgr(p)) for p in chosen], names, picked, *known)


def read_bgr(path: Path) -> Bgr:
    """Reads a picture as (H, W, 3) uint8 BGR, as deepbiq reads it; raises ImageError where it cannot be."""
    return decode_bytes(read_bytes(path), name=str(path)).bgr


def square(bgr: Bgr) -> Bgr:
    """Brings a picture to 512x512 pixels: its centre, after its short side became 512.

    Args:
        bgr: (H, W, 3) uint8, BGR.
    """
    height, width = bgr.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    centre = np.ascontiguousarray(bgr[top : top + short, left : left + short])
    return centre if short == SIDE else resize(centre, (SIDE, SIDE))
