"""The whole comparison with peers, composed into one result."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deepbiq.diagnosis import circumstances
from deepbiq.errors import EngineError, OptionError
from deepbiq.memory import keep_freed_memory
from deepbiq.scorer import load
from deepbiq_benchmarks.alternation import METHOD
from deepbiq_benchmarks.caffenet import write_caffenet
from deepbiq_benchmarks.checks import all_kept
from deepbiq_benchmarks.overhead import call_against_bare_run
from deepbiq_benchmarks.overhead_bounds import CALL_ROUNDS
from deepbiq_benchmarks.peers import Absent, Bgr, Offer, Peer, open_offer
from deepbiq_benchmarks.peers_checks import checks_of, compare_ratios
from deepbiq_benchmarks.peers_crops import crops_offers
from deepbiq_benchmarks.peers_deepbiq import deepbiq_offers
from deepbiq_benchmarks.peers_material import PeersMaterial
from deepbiq_benchmarks.peers_measure import Seen, rate_peers, time_peers
from deepbiq_benchmarks.peers_names import DEFAULT, EVERYWHERE
from deepbiq_benchmarks.peers_packages import package_offers
from deepbiq_benchmarks.roof import Roof, measure_roof, sgemm_product

MOST_FAILURES = 10
"""Failures of a row that a result lists; their number is always there."""


@dataclass(frozen=True, eq=False)
class PeersPlan:
    """What is to be compared.

    Attributes:
        bundle: deepbiq's model.
        plans: Its sampling plans.
        precisions: Of each plan.
        engines: Of each precision.
        threads: Of every library that has such a setting.
        rounds: Turns of every peer on every picture.
        wanted: Parts of names; only rows whose name holds one of them run, besides the default call. Empty runs
            all.
        material: The pictures.
    """

    bundle: Path
    plans: Sequence[str]
    precisions: Sequence[str]
    engines: Sequence[str]
    threads: int
    rounds: int
    wanted: Sequence[str]
    material: PeersMaterial


def offers_of(plan: PeersPlan, caffenet: Callable[[], Path]) -> list[Offer]:
    """Lists the rows that were asked for, the default call first.

    Raises:
        OptionError: When nothing but the default call is left.
    """
    everything = [
        *deepbiq_offers(plan.bundle, caffenet, plan.plans, plan.precisions, plan.engines, plan.threads),
        *crops_offers(plan.bundle, caffenet, plan.threads),
        *package_offers(plan.threads),
    ]
    wanted = [part.lower() for part in plan.wanted]
    chosen = [
        offer
        for offer in everything
        if offer.name == DEFAULT or not wanted or any(part in offer.name.lower() for part in wanted)
    ]
    if wanted and len(chosen) == 1 and not any(part in DEFAULT for part in wanted):
        names = "; ".join(offer.name for offer in everything)
        raise OptionError(f"no peer's name holds {' or '.join(plan.wanted)}: there are {names}")
    return chosen


def compare_with_peers(
    plan: PeersPlan,
    earlier: Sequence[dict[str, Any]] | None,
    note: Callable[[str], None],
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Measures the roof, times all peers, rates those whose scores mean something.

    The process keeps what is freed from then on, so that no row waits for the system to find pages again.

    Args:
        plan: What is compared.
        earlier: Rows of an earlier result to compare ratios with.
        note: Told each step.
        advance: Called after each picture that was timed and each that was rated.

    Returns:
        The result, JSON-ready.

    Raises:
        EngineError: When the default call cannot be timed: there is nothing to compare with then.
    """
    material = plan.material
    kept = keep_freed_memory()
    with ExitStack() as stack:
        caffenet = stack.enter_context(_caffenet_folder())
        offers = offers_of(plan, caffenet)
        note("measuring the machine's roof")
        roof = measure_roof(plan.threads)
        peers: dict[str, Peer] = {}
        absent: dict[str, str] = {}
        for offer in offers:
            note(f"opening {offer.name}")
            found = open_offer(offer, material.timed[0])
            if isinstance(found, Absent):
                absent[offer.name] = found.reason
            else:
                peers[offer.name] = found
                stack.callback(found.close)
        if DEFAULT not in peers:
            raise EngineError(f"the default call cannot run: {absent[DEFAULT]}")
        note("timing the default call against its network")
        outside = outside_of_network(plan.bundle, plan.threads)
        note("timing")
        products = {f"SGEMM of {library}": library for library in roof.sgemm_of}
        timed = {**peers, **{name: _sgemm_peer(roof, library) for name, library in products.items()}}
        seen = time_peers(timed, material.timed, material.timed_names, plan.rounds, advance)
        products_seen = {library: seen.pop(name) for name, library in products.items()}
        note("rating")
        rate_peers(peers, material.rated if material.dataset else [], seen, advance)
    default = seen[DEFAULT].timed
    if default is None:
        raise EngineError(f"the default call failed on every picture: {seen[DEFAULT].failures}")
    sgemm = _sgemm_in_turn(roof, products_seen, default.ms)
    rates = _Rates(roof, sgemm["gflops"])
    rows = [_row(offer, peers.get(offer.name), seen.get(offer.name), absent, rates) for offer in offers]
    checks = checks_of(rows, None if outside is None else outside["share"])
    comparison = None if earlier is None else compare_ratios(rows, earlier)
    return {
        "benchmark": "peers",
        "dataset": material.dataset,
        "split": material.split,
        "pictures_rated": len(material.rated),
        "pictures_timed": material.timed_names,
        "rounds": plan.rounds,
        **METHOD,
        "threads": plan.threads,
        "freed_memory_kept": kept,
        "rows": rows,
        "outside_of_network": outside,
        "roof": roof.describe(),
        "sgemm_in_turn": sgemm,
        "checks": [check.describe() for check in checks],
        "comparison": comparison,
        "passes": all_kept(check for check in checks if check.binding)
        and (comparison is None or comparison["passes"] is not False),
        **circumstances(),
    }


@dataclass(frozen=True)
class _Rates:
    """What rows are held against: the roof, measured before, and 10**9 operations a second by SGEMM among them."""

    roof: Roof
    sgemm_gflops: float


def _sgemm_peer(roof: Roof, library: str) -> Peer:
    """A library's fastest SGEMM as one more that gets its turns: a peak of another minute is another machine's."""
    product = sgemm_product(library, roof.sgemm_sides[library], roof.threads)

    def score(_: Bgr) -> None:
        product()

    return Peer(score, "", rated=False)


def _sgemm_in_turn(roof: Roof, seen: Mapping[str, Seen], default_ms: float) -> dict[str, Any]:
    """Every library's SGEMM in its turns, and which of them was the fastest there."""
    of = {
        library: _product_in_turn(library, roof.sgemm_sides[library], found, default_ms)
        for library, found in seen.items()
    }
    by = max(of, key=lambda library: float(of[library]["gflops"]))
    return {"by": by, "gflops": of[by]["gflops"], "of": of}


def _product_in_turn(library: str, side: int, seen: Seen, default_ms: float) -> dict[str, Any]:
    if seen.timed is None or seen.ratio is None:
        raise EngineError(f"the matrix product of {library} failed: {seen.failures}")
    gflops = 2e-6 * side**3 / (seen.ratio * default_ms)
    return {"side": side, "gflops": gflops, "ratio": seen.ratio, **asdict(seen.timed)}


def outside_of_network(bundle: Path, threads: int) -> dict[str, Any] | None:
    """Times the default call and a bare run of its graph in turn, one right after the other.

    Returns:
        Both medians in milliseconds and the share of the call that is not the network; None where the default call
        runs in another engine than ONNX Runtime.
    """
    with load(bundle, threads=threads) as scorer:
        if scorer.engine.name != EVERYWHERE:
            return None
        pair = call_against_bare_run(scorer, threads=threads, rounds=CALL_ROUNDS)
    return {**pair, "share": 1 - 1 / pair["ratio"]}


@contextmanager
def _caffenet_folder() -> Iterator[Callable[[], Path]]:
    """Lends a temporary folder with CaffeNet's bundle, which is written when it is first asked for."""
    with tempfile.TemporaryDirectory(prefix="deepbiq-caffenet-") as parent:

        @cache
        def folder() -> Path:
            write_caffenet(Path(parent) / "caffenet")
            return Path(parent) / "caffenet"

        yield folder


def _row(
    offer: Offer, peer: Peer | None, seen: Seen | None, absent: dict[str, str], rates: _Rates
) -> dict[str, Any]:
    """One row, JSON-ready: every row has the same keys."""
    seen, cost = seen or Seen(), peer.cost if peer else None
    timed = seen.timed
    ms = timed.ms if timed else None
    roof_ms = rates.roof.milliseconds(cost) if cost else None
    reason = absent.get(offer.name)
    if reason is None and timed is None:
        reason = f"failed on every picture: {next(iter(seen.failures.values()), 'no call')}"
    return {
        "name": offer.name,
        "library": offer.library,
        "version": peer.version if peer else None,
        "plan": offer.plan,
        "precision": offer.precision,
        "threads": offer.threads,
        "note": peer.note if peer else "",
        "ms": ms,
        "p10_ms": timed.p10_ms if timed else None,
        "p90_ms": timed.p90_ms if timed else None,
        "n": timed.n if timed else 0,
        "ratio": seen.ratio,
        "plcc": seen.plcc,
        "srocc": seen.srocc,
        "rated_n": seen.rated_n,
        "gmacs": cost.macs / 1e9 if cost else None,
        "sgemm_ms": 2e-6 * cost.macs / rates.sgemm_gflops if cost else None,
        "sgemm_before_ms": 2e-6 * cost.macs / rates.roof.sgemm_gflops if cost else None,
        "roof_ms": roof_ms,
        "times_roof": ms / roof_ms if ms and roof_ms else None,
        "failures": len(seen.failures),
        "failed_on": dict(list(seen.failures.items())[:MOST_FAILURES]),
        "reason": reason,
    }
