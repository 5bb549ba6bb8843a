"""A calibration from pictures to a bundle: draw, climb the ladder, measure every layer, report, hand over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from deepbiq.budget import Budget
from deepbiq.bundle import Bundle, check_place, open_bundle
from deepbiq.datasets import RatedPicture
from deepbiq.datasets.faults import list_faults
from deepbiq.diagnosis import circumstances
from deepbiq.errors import BundleError, ImageError, OptionError
from deepbiq.plans import parse_plan
from deepbiq.reference import FP32
from deepbiq_calibration.calibration_error import CalibrationError
from deepbiq_calibration.drawing import draw, draw_from
from deepbiq_calibration.flavours import Flavour
from deepbiq_calibration.inputs import calibration_inputs
from deepbiq_calibration.installing import install, key_of
from deepbiq_calibration.judge import Judge, Sketch
from deepbiq_calibration.ladder import Ladder, best_of
from deepbiq_calibration.network import read_network
from deepbiq_calibration.outcome import Outcome
from deepbiq_calibration.pictures import Draw, Source, held_back_by_list, mos_of, read_pictures
from deepbiq_calibration.ranges import Method
from deepbiq_calibration.report import prepare_folder, write_report
from deepbiq_calibration.sensitivity import LayerCost, costliest_first, measure_layers
from deepbiq_calibration.trial import samples_of, scores_of, unreadable
from deepbiq_calibration.workshop import Workshop

_LOG = logging.getLogger(__name__)
SKETCH_PICTURES = 32


@dataclass(frozen=True)
class Settings:
    """How a calibration is done.

    Attributes:
        flavours: Which graphs are made.
        method: How ranges are chosen; None takes the best.
        calibration: Pictures to calibrate on.
        held_back: Pictures to check the budget on.
        seed: Of the draw.
        plans: Sampling plans that the budget must hold for besides the bundle's default.
        budget: The bounds.
        headroom: Share of them, above 0 up to 1, that must be kept for the climb to end.
        rated: Whether people's scores are asked for: without, shift and flips alone decide.
        threads: Threads of one inference; None takes one per physical core.
    """

    flavours: tuple[Flavour, ...]
    method: Method | None
    calibration: int
    held_back: int
    seed: int
    plans: tuple[str, ...]
    budget: Budget
    headroom: float
    rated: bool
    threads: int | None

    def __post_init__(self) -> None:
        for name, least in (("calibration", 1), ("held_back", 3), ("seed", 0)):
            if getattr(self, name) < least:
                raise OptionError(f"{name.replace('_', ' ')} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.headroom <= 1:
            raise OptionError(f"--headroom is a share of the budget, above 0 up to 1, got {self.headroom}")


def calibrate_bundle(
    path: Path,
    source: Source,
    settings: Settings,
    *,
    out: Path,
    report: Path,
    advance: Callable[[], None],
) -> list[Outcome]:
    """Calibrates a bundle.

    Args:
        path: The bundle.
        source: Where pictures come from.
        settings: How.
        out: Folder of the bundle that is written; may be `path`.
        report: Folder of the report, written also when the calibration is refused.
        advance: Called after each picture or layer that was worked on.

    Returns:
        What came out for each flavour.

    Raises:
        OptionError: When pictures, scores or a place to write are missing.
        ImageError: When a picture cannot be read; all of them are named.
        BundleError: When the bundle or its FP32 graph cannot be used, or `out` cannot take a bundle.
        CalibrationError: When a flavour cannot hold the budget; nothing but the report is written then.
    """
    bundle = open_bundle(path)
    if FP32 not in bundle.manifest["graphs"]:
        raise BundleError(
            f"{path}: holds no {FP32} graph to calibrate, only {', '.join(bundle.manifest['graphs'])}"
        )
    entry = bundle.manifest["graphs"][FP32]
    network = read_network(bundle.read(entry["file"]), entry["output"], where=f"{path}: {entry['file']}")
    if path.is_file() and path == out:
        raise OptionError(f"{path} is a zip: give the folder of the new bundle with --out")
    if report.resolve().is_relative_to(out.resolve()):
        raise OptionError(f"--report {report} lies in the bundle {out}, which is replaced as a whole: name another")
    check_place(out)
    plans = _plans(bundle, settings)
    prepare_folder(report)
    drawn = _draw(bundle, source, settings)
    _LOG.info("%d calibration pictures, %d held back", len(drawn.calibration), len(drawn.held_back))
    samples = {plan: samples_of(bundle, plan, drawn.calibration, settings.threads) for plan in plans}
    inputs = calibration_inputs(samples)
    del samples
    outcomes = []
    for flavour in settings.flavours:
        workshop = Workshop(network, entry["output"], flavour, inputs, settings.threads, sides=_sides(bundle))
        outcomes.append(_climb(bundle, workshop, plans, drawn, settings, advance))
    told = {
        "bundle": bundle.manifest["name"],
        "model": bundle.model_id,
        "source": source.describe(),
        "plans": list(plans),
        "rated": settings.rated,
        "pictures": drawn.manifest(),
        "circumstances": circumstances(),
    }
    write_report(report, told, outcomes)
    refused = [outcome.refusal() for outcome in outcomes if outcome.chosen is None]
    if refused:
        raise CalibrationError(f"{'; '.join(refused)}. The report is in {report}; the bundle was left as it was")
    install(bundle, outcomes, _told_of(drawn, source), out, settings.threads)
    return outcomes


def _plans(bundle: Bundle, settings: Settings) -> tuple[str, ...]:
    wanted = (bundle.manifest["default"]["plan"], *settings.plans)
    return tuple(dict.fromkeys(str(parse_plan(plan)) for plan in wanted))


def _sides(bundle: Bundle) -> int:
    """Returns what all sides are multiples of: they are the crop size plus multiples of the stride."""
    return gcd(bundle.manifest["input"]["size"], bundle.manifest["feature"]["stride"])


def _draw(bundle: Bundle, source: Source, settings: Settings) -> Draw:
    """Draws the pictures; without people's scores they are spread over FP32's."""
    pictures = read_pictures(source)
    if settings.rated and np.isnan(mos_of(pictures)).any():
        raise OptionError(
            f"--images {source.folder} holds pictures without scores, which PLCC and SROCC need: name a data set "
            "with --dataset, put ratings.csv into the folder, or judge by shift and flips alone with "
            "--without-scores"
        )
    listed = held_back_by_list(source, pictures)
    _check_readable(bundle, pictures if np.isnan(mos_of(pictures)).any() else [])
    spread_by = mos_of(pictures)
    if np.isnan(spread_by).any():
        plan = bundle.manifest["default"]["plan"]
        spread_by = scores_of(bundle, FP32, plan, pictures, settings.threads, lambda: None)
    wanted = {"calibration": settings.calibration, "held_back": settings.held_back}
    if listed is None:
        chosen, kept = draw(spread_by, [picture.group for picture in pictures], seed=settings.seed, **wanted)
    else:
        rest, kept = _of_other_groups(pictures, ~listed), np.flatnonzero(listed)
        chosen, kept = draw_from(spread_by, rest, kept, rng=np.random.default_rng(settings.seed), **wanted)
    drawn = Draw(
        source.folder,
        tuple(pictures[place] for place in chosen),
        tuple(pictures[place] for place in kept),
        settings.seed,
    )
    if settings.rated and np.ptp(drawn.held_back_mos) == 0:
        raise OptionError(
            f"all held-back pictures have the score {drawn.held_back_mos[0]:g}, so PLCC and SROCC say nothing: "
            "take pictures of different scores, or judge by shift and flips alone with --without-scores"
        )
    _check_readable(bundle, (*drawn.calibration, *drawn.held_back))
    return drawn


def _of_other_groups(
    pictures: Sequence[RatedPicture], free: np.typing.NDArray[np.bool_]
) -> np.typing.NDArray[np.int64]:
    """Returns the places of pictures that are not held back and share no group with one that is."""
    taken = {
        picture.group for picture, is_free in zip(pictures, free, strict=True) if picture.group and not is_free
    }
    places = [i for i, picture in enumerate(pictures) if free[i] and picture.group not in taken]
    if not places:
        raise OptionError("--held-back leaves no picture to calibrate on that is of another group")
    return np.array(places, dtype=np.int64)


def _check_readable(bundle: Bundle, pictures: Sequence[RatedPicture]) -> None:
    faults = unreadable(bundle, pictures)
    if faults:
        raise ImageError(f"{len(faults)} of {len(pictures)} pictures", f"cannot be read: {list_faults(faults)}")


def _climb(
    bundle: Bundle,
    workshop: Workshop,
    plans: Sequence[str],
    drawn: Draw,
    settings: Settings,
    advance: Callable[[], None],
) -> Outcome:
    key = key_of(workshop.flavour)
    shared: dict[str, Any] = {"rated": settings.rated, "threads": settings.threads}
    judge = Judge(bundle, key, plans, drawn, advance=advance, **shared)
    sketch = Sketch(bundle, key, plans[0], drawn, SKETCH_PICTURES, **shared)
    costs: list[LayerCost] = []

    def order(method: Method) -> list[str]:
        if not costs:
            make = partial(workshop.make_of_one, method=method)
            costs.extend(
                measure_layers(workshop.layers, make, lambda model: sketch.cost(model.SerializeToString()), advance)
            )
        return costliest_first(costs)

    tell = partial(_LOG.info, "%s: %s", workshop.flavour)
    ladder = Ladder(workshop, judge, sketch, settings.budget, settings.headroom, tell)
    steps = ladder.climb(settings.method, order)
    order(steps[-1].recipe.method)  # the report says what every layer costs, also where none had to stay in float
    chosen = best_of(steps)
    reference = {plan: judge.reference(plan) for step in steps for plan in step.costs}
    return Outcome(
        workshop.flavour,
        settings.budget,
        settings.headroom,
        costs,
        steps,
        chosen,
        reference,
        is_fine_tuned=was_fine_tuned(bundle),
    )


def was_fine_tuned(bundle: Bundle) -> bool:
    """Says whether a bundle's network learnt to be quantised (`deepbiq train --qat`), as an export notes it."""
    trained_on = bundle.manifest.get("trained_on")
    return isinstance(trained_on, Mapping) and "qat" in trained_on


def _told_of(drawn: Draw, source: Source) -> dict[str, Any]:
    return {
        **source.describe(),
        "calibration": len(drawn.calibration),
        "held_back": len(drawn.held_back),
        "seed": drawn.seed,
    }
