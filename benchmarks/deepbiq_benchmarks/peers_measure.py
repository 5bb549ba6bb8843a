"""Measures peers: their times in turn on the same pictures, then, untimed, how well they agree with people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np

from deepbiq.agreement import MIN_PICTURES, correlations
from deepbiq.datasets import RatedPicture
from deepbiq_benchmarks.alternation import Ratios, Timed, Times, summarise, time_in_pairs
from deepbiq_benchmarks.peers import Bgr, Peer, describe_fault
from deepbiq_benchmarks.peers_material import read_bgr

SETTLED = 0.02
"""Ratios whose median has at most this standard error, as a part of it, are settled. The difference of two runs has
1.4 times as much: 10 % are 3.5 sigma then."""
MOST_ROUNDS = 5
"""Rows that do not settle end after so many times the rounds that were asked for."""


@dataclass
class Seen:
    """What was seen of one peer.

    Attributes:
        timed: Its times; None where no call ended well.
        ratio: How many times as long as the first peer it takes, the median of its turns; None where there is none.
        plcc: Pearson's correlation with human scores; None where it was not rated, as the next two.
        srocc: Spearman's.
        rated_n: Pictures that it scored.
        failures: Per picture on which it failed, the file's name and the fault.
    """

    timed: Timed | None = None
    ratio: float | None = None
    plcc: float | None = None
    srocc: float | None = None
    rated_n: int | None = None
    failures: dict[str, str] = field(default_factory=dict)


def time_peers(
    peers: Mapping[str, Peer],
    pictures: Sequence[Bgr],
    names: Sequence[str],
    rounds: int,
    advance: Callable[[], None],
) -> dict[str, Seen]:
    """Times all peers in turn on every picture, each between two turns of the first; unsettled ratios go on.

    A peer that fails on a picture is left out on that picture only.

    Args:
        peers: By name, first the one that the others are compared with.
        pictures: (512, 512, 3) uint8 BGR each.
        names: Of their files.
        rounds: Turns of every peer on every picture, up to five times as many of those that do not settle.
        advance: Called after each picture of the first rounds.
    """
    seen = {name: Seen() for name in peers}
    times: Times = {}
    ratios: Ratios = {}
    first = next(iter(peers))

    def take_turns(chosen: Sequence[str], picture: Bgr, file: str, turns: int) -> None:
        faults: dict[str, list[Exception]] = {}
        calls = {name: partial(peers[name].score, picture) for name in chosen if file not in seen[name].failures}
        time_in_pairs(calls, first, turns, faults, times, ratios)
        for name, errors in faults.items():
            seen[name].failures[file] = describe_fault(errors[0])

    for picture, file in zip(pictures, names, strict=True):
        take_turns(list(peers), picture, file, rounds)
        advance()
    for _ in range((MOST_ROUNDS - 1) * rounds):
        chosen = unsettled(ratios)
        if not chosen:
            break
        for picture, file in zip(pictures, names, strict=True):
            take_turns([first, *chosen], picture, file, 1)
    for name, seconds in times.items():
        seen[name].timed = summarise(seconds)
        seen[name].ratio = 1.0 if name == first else median(ratios[name]) if name in ratios else None
    return seen


def unsettled(ratios: Ratios) -> list[str]:
    """Names those whose ratio is not yet settled."""
    return [name for name, found in ratios.items() if summarise(found).uncertainty > SETTLED]


def rate_peers(
    peers: Mapping[str, Peer],
    pictures: Sequence[RatedPicture],
    seen: Mapping[str, Seen],
    advance: Callable[[], None],
) -> None:
    """Correlates the scores of those whose scores mean something with people's.

    A picture on which a peer fails is left out of its correlation and named; a score that is no finite number is a
    failure.

    Args:
        peers: By name.
        pictures: With human scores.
        seen: By name, filled in here.
        advance: Called after each picture.
    """
    rated = {name: peer for name, peer in peers.items() if peer.rated}
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in rated}
    for picture in pictures:
        bgr = read_bgr(picture.path)
        for name, peer in rated.items():
            try:
                pairs[name].append((_finite(peer.score(bgr)), picture.mos))
            except Exception as error:  # noqa: BLE001  # other people's code fails in its own ways
                seen[name].failures[picture.path.name] = describe_fault(error)
        advance()
    for name, found in pairs.items():
        seen[name].rated_n = len(found)
        if len(found) >= MIN_PICTURES:
            agreement = correlations(*np.array(found).T)
            seen[name].plcc, seen[name].srocc = agreement.plcc, agreement.srocc


def _finite(score: float | None) -> float:
    if score is None or not math.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score
