"""Which pictures belong together, so that none of them is judged by a head that has seen another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from deepbiq.refitting.ratings import Ratings


def group_pictures(ratings: Ratings, content_hashes: Sequence[str], folds: int) -> npt.NDArray[np.int64]:
    """Numbers groups of pictures.

    Files with the same bytes and pictures of one group of the user's belong together. So do pictures that
    preferences connect, such as the shots of a burst, as long as that leaves enough groups for the folds: a
    preference between two groups can be tested only by a head that has seen neither.

    Args:
        ratings: The ratings.
        content_hashes: Of each picture.
        folds: To how many folds the groups will be dealt.

    Returns:
        (N,) the number of each picture's group.
    """
    members: dict[tuple[str, str], list[int]] = {}
    for place, (content_hash, group) in enumerate(zip(content_hashes, ratings.groups, strict=True)):
        members.setdefault(("content", content_hash), []).append(place)
        if group:
            members.setdefault(("group", group), []).append(place)
    links = list(members.values())
    groups = connected(len(ratings.paths), links)
    if ratings.scores is None:
        wider = connected(len(ratings.paths), [*links, *ratings.judged.tolist()])
        if np.bincount(wider).max() * folds <= len(wider):
            return wider
    return groups


def connected(count: int, links: Iterable[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Numbers the connected parts of a graph.

    Args:
        count: Number of nodes.
        links: Nodes that belong together, at least one each.

    Returns:
        (count,) the number of each node's part.
    """
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, *others in links:
        for other in others:
            parent[root(other)] = root(first)
    return np.unique([root(node) for node in range(count)], return_inverse=True)[1].astype(np.int64)
