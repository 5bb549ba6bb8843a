"""Measures peers: their times in turn on the same pictures, then, untimed, how well they agree with people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from deepbiq.agreement import MIN_PICTURES, correlations
from deepbiq.datasets import RatedPicture
from deepbiq_benchmarks.alternation import Timed, Times, summarise, time_in_turn
from deepbiq_benchmarks.peers import Bgr, Peer, describe_fault
from deepbiq_benchmarks.peers_material import read_bgr


@dataclass
class Seen:
    """What was seen of one peer.

    Attributes:
        timed: Its times; None where no call ended well.
        plcc: Pearson's correlation with human scores; None where it was not rated, as the next two.
        srocc: Spearman's.
        rated_n: Pictures that it scored.
        failures: Per picture on which it failed, the file's name and the fault.
    """

    timed: Timed | None = None
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
    """Times all peers in turn on every picture.

    A peer that fails on a picture is left out on that picture only.

    Args:
        peers: By name.
        pictures: (512, 512, 3) uint8 BGR each.
        names: Of their files.
        rounds: Turns of every peer on every picture.
        advance: Called after each picture.
    """
    seen = {name: Seen() for name in peers}
    times: Times = {}
    for picture, file in zip(pictures, names, strict=True):
        faults: dict[str, list[Exception]] = {}
        calls = {name: partial(peer.score, picture) for name, peer in peers.items()}
        time_in_turn(calls, rounds, faults, times)
        for name, errors in faults.items():
            seen[name].failures[file] = describe_fault(errors[0])
        advance()
    for name, seconds in times.items():
        seen[name].timed = summarise(seconds)
    return seen


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
