"""Peers: everything that deepbiq is timed beside, each as one function from a picture to a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import numpy.typing as npt

from deepbiq_benchmarks.graph_cost import Cost

Bgr = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, BGR."""
Score = Callable[[Bgr], float | None]
"""A picture to its score, the higher the better, on the peer's own scale; None where the score means nothing."""
RANDOM_WEIGHTS = "random weights: timed only"
LOWER_IS_BETTER = "lower is better: the sign is turned for the correlations"


def _nothing() -> None:
    """Closes what has nothing to close."""


@dataclass(frozen=True, eq=False)
class Peer:
    """One way to score a picture, ready to run.

    Attributes:
        score: The function.
        version: Of the library that runs it.
        note: What a reader must know: random weights, a turned sign, how many crops at once.
        cost: What a call on a 512x512 picture asks of the machine; None where it cannot be counted.
        rated: Whether the score means something, so that it is held against people's.
        close: Releases it.
    """

    score: Score
    version: str
    note: str = ""
    cost: Cost | None = None
    rated: bool = True
    close: Callable[[], None] = field(default=_nothing)


@dataclass(frozen=True, eq=False)
class Offer:
    """A peer that may be on this machine.

    Attributes:
        name: As the table and `--peer` call it.
        library: Which library runs it.
        open: Makes it ready, given a 512x512 picture for trials; raises an exception where it cannot run here.
        install: What to install where a package is missing.
        threads: Threads that it was told to use; None where it has no such setting.
        plan: deepbiq's sampling plan; None where it is not deepbiq's own.
        precision: deepbiq's precision, likewise.
    """

    name: str
    library: str
    open: Callable[[Bgr], Peer]
    install: str
    threads: int | None = None
    plan: str | None = None
    precision: str | None = None


@dataclass(frozen=True)
class Absent:
    """An offer that cannot run on this machine.

    Attributes:
        reason: Why, and where a package is missing, what to install.
    """

    reason: str


def open_offer(offer: Offer, trial: Bgr) -> Peer | Absent:
    """Makes a peer ready, or says why it is not there; a peer's fault of any kind never ends the run.

    Args:
        offer: The offer.
        trial: A 512x512 picture on which it may choose its settings.
    """
    try:
        return offer.open(trial)
    except ImportError as error:
        return Absent(f"{error}: {offer.install}" if offer.install not in str(error) else str(error))
    except Exception as error:  # noqa: BLE001  # other people's code fails in its own ways
        return Absent(describe_fault(error))


def describe_fault(error: Exception) -> str:
    """Returns an exception's class and the first line of its message, as a reason for a table."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def version_of(package: str) -> str:
    """Returns a package's version; "unknown" where it was not installed as a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
