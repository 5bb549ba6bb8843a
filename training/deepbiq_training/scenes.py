"""Which pictures show the same scene: so that a validation part can be drawn that shares none with the rest.

BIQ2021's ss01 photographs each scene under many camera settings, numbered one after the other; elsewhere there are
duplicates. Two rules join pictures, and a scene is a connected component:

- anywhere: the descriptors' correlation is above `SAME_SCENE`;
- in a series (file names that differ in their last number, at most `SERIES_REACH` files apart): it is above
  `SAME_SERIES`, and then the files in between belong to the scene too, as black or blurred frames of a series often
  resemble nothing.

The descriptor is a small grey thumbnail, its values replaced by their ranks (exposure and contrast vanish), low
frequencies removed (else every horizon resembles every other), at unit length. Thresholds were set by looking at
pairs and clusters of the 7,200 pictures: at 0.6 nine pairs in ten are the same scene, at 0.5 half are. Joining too
much is harmless here, joining too little would leak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.datasets import RatedPicture
from deepbiq.imaging import MIN_SIDE
from deepbiq_training.reading import read_each
from deepbiq_training.sampling import decode_at_scale

SAME_SCENE = 0.6
SAME_SERIES = 0.3
SERIES_REACH = 6
_THUMBNAIL_SIDE = 32
_HIGH_PASS_SIGMA = 4.0
_BLOCK = 1024
"""Rows of the similarity matrix that are held at a time."""


def find_scenes(pictures: Sequence[RatedPicture]) -> tuple[npt.NDArray[np.int64], dict[str, object]]:
    """Numbers the scenes: by the data set's own groups where it names them for all pictures, otherwise by looks.

    Either way every picture is read, so that those that cannot be are found before anything is trained.

    Returns:
        (N,) int64, equal numbers for the same scene, and the rule that was used, JSON-ready.

    Raises:
        DataSetError: When pictures cannot be read; the message lists them.
    """
    descriptors = read_descriptors(pictures)
    groups = [picture.group for picture in pictures]
    if all(groups):
        return np.unique(groups, return_inverse=True)[1].astype(np.int64), {"by": "the data set's groups"}
    thresholds: dict[str, object] = {"anywhere": SAME_SCENE, "in_series": SAME_SERIES, "series_reach": SERIES_REACH}
    return scene_ids(descriptors, [picture.path.name for picture in pictures]), thresholds


def scene_descriptor(bgr: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Describes what a picture shows, not how it was exposed.

    Args:
        bgr: (H, W, 3) uint8, BGR.

    Returns:
        (1024,) float32 of unit length, or zeros for a picture of one colour.
    """
    import cv2
    from scipy.stats import rankdata

    side = (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE)
    grey = cv2.resize(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), side, interpolation=cv2.INTER_AREA)
    ranks = rankdata(grey).reshape(side).astype(np.float32)
    detail = (ranks - cv2.GaussianBlur(ranks, (0, 0), _HIGH_PASS_SIGMA)).ravel()
    detail -= detail.mean()
    length = float(np.linalg.norm(detail))
    return np.asarray(detail / length if length > 1.0 else np.zeros_like(detail), dtype=np.float32)


def read_descriptors(pictures: Sequence[RatedPicture]) -> npt.NDArray[np.float32]:
    """Describes pictures, decoded at the smallest scale that their format offers.

    Returns:
        (N, 1024) float32.

    Raises:
        DataSetError: When pictures cannot be read; the message lists them.
    """

    def describe(picture: RatedPicture, data: bytes) -> npt.NDArray[np.float32]:
        return scene_descriptor(decode_at_scale(data, name=str(picture.path), short_side=MIN_SIDE))

    return np.stack(read_each(pictures, "scenes", describe))


def scene_ids(descriptors: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Numbers the scenes.

    Args:
        descriptors: (N, 1024) float32 from `scene_descriptor`.
        names: The pictures' file names.

    Returns:
        (N,) int64: equal numbers, same scene. Independent of the order of the pictures but for the numbering.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([_similar_pairs(descriptors), _series_pairs(descriptors, names)])
    ones = np.ones(len(edges), dtype=np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(len(names), len(names)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _similar_pairs(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Returns (P, 2), each pair above `SAME_SCENE` once."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(descriptors), _BLOCK):
        rows, columns = np.nonzero(descriptors[start : start + _BLOCK] @ descriptors.T > SAME_SCENE)
        later = columns > rows + start
        pairs.append(np.column_stack([rows[later] + start, columns[later]]))
    return np.concatenate(pairs)


def _series_pairs(descriptors: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Returns (P, 2), neighbours of a series that lie between two pictures of one scene."""
    series = [_series_of(name) for name in names]
    order = sorted(range(len(names)), key=lambda i: series[i])
    joined = np.zeros(max(len(names) - 1, 0), dtype=bool)
    for place, first in enumerate(order):
        for reach in range(1, min(SERIES_REACH, len(order) - 1 - place) + 1):
            second = order[place + reach]
            if series[first][0] != series[second][0]:
                break
            if descriptors[first] @ descriptors[second] > SAME_SERIES:
                joined[place : place + reach] = True
    places = np.array(order, dtype=np.int64)
    return np.column_stack([places[:-1][joined], places[1:][joined]])


def _series_of(name: str) -> tuple[str, int]:
    """Splits a file name into its series and its number in it; a name without digits is its own series."""
    match = re.fullmatch(r"(.*?)(\d+)\D*", name.lower())
    return (match[1], int(match[2])) if match else (name.lower(), 0)
