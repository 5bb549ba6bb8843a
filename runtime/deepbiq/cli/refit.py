"""`deepbiq refit`: a new head for a bundle, fitted to your own ratings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.errors import OptionError
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import PLAN_HELP

if TYPE_CHECKING:
    from deepbiq.datasets.rating_scale import RatingScale
    from deepbiq.refitting.refit import Outcome
    from deepbiq.refitting.refitted import Refitted
    from deepbiq.refitting.verdict import Estimate


def refit(
    ratings: Annotated[
        Path,
        typer.Argument(
            help="CSV with the columns path and score, or better and worse (two pictures); paths are relative to "
            "its folder. A column group beside scores keeps pictures of one scene together."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of the bundle to refit (default: the one that ships with deepbiq).",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Refit the head of this plan ({PLAN_HELP}); repeatable, the first becomes the default. Plans "
            "that are not refitted are left out of the new bundle. Default: the bundle's default.",
            show_default=False,
        ),
    ] = None,
    score_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range",
            metavar="LOW HIGH",
            help="What the worst and the best score are in the CSV, for example 1 5; HIGH may be the smaller one "
            "(default: 0 100).",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the folds and the intervals.")] = 0,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the outcome is printed.")] = ResultFormat.TEXT,
) -> None:
    """Fit a new linear head to your own scores or preferences, and write it as a bundle where it is better.

    The network stays; no torch is needed. How strongly the ratings count against the old head is chosen by
    cross-validation, and what the new head is worth is measured on pictures that it has not seen. Features are kept
    in deepbiq's cache folder, so a second refit with more ratings is quick.

    Exit codes: 0 written, 2 refused or usage (fewer than 30 pictures or 50 preferences, no spread of scores,
    ratings that run the other way round, not better than before, a picture cannot be read), 4 bundle or engine
    unusable. Only 0 writes anything.
    """
    from deepbiq.bundle import default_bundle_path, open_bundle
    from deepbiq.cli.progress import progress_bar
    from deepbiq.plans import parse_plan
    from deepbiq.refitting.ratings import read_ratings
    from deepbiq.refitting.refit import refit_bundle
    from deepbiq.refitting.refitted import Procedure

    plans = [parse_plan(text) for text in plan or ()]
    read = read_ratings(ratings, _scale(*(score_range or (SCORE_MIN, SCORE_MAX))))
    if score_range is not None and read.scores is None:
        raise OptionError(f"--range: {ratings} holds preferences, which have no scale: leave it out")
    opened = open_bundle(default_bundle_path() if bundle is None else bundle)
    with progress_bar("pictures and fits", None) as advance:
        outcome = refit_bundle(opened, read, out, plans=plans, procedure=Procedure(folds, seed), advance=advance)
    typer.echo(json.dumps(outcome.describe(), indent=2) if fmt is ResultFormat.JSON else _as_text(outcome))


def _scale(worst: float, best: float) -> RatingScale:
    from deepbiq.datasets.rating_scale import RatingScale

    return RatingScale(min(worst, best), max(worst, best), lower_is_better=best < worst)


def _as_text(outcome: Outcome) -> str:
    ratings = outcome.ratings
    kind = "scores" if ratings.scores is not None else "preferences"
    dropped = [
        "Left out: other plans and poolings, and the score output of the ONNX files, which is the old head's.",
        f"Use it:   deepbiq score PICTURES --bundle {outcome.out}",
    ]
    return "\n".join(
        [
            f"{outcome.old} refitted to {len(ratings.judged)} {kind} of {len(ratings.paths)} pictures",
            *(line for refitted in outcome.plans for line in _plan_lines(refitted, outcome.procedure.folds)),
            f"Wrote {outcome.new} to {outcome.out}",
            *dropped,
        ]
    )


def _plan_lines(refitted: Refitted, folds: int) -> list[str]:
    from deepbiq.refitting.verdict import is_proven

    choice = refitted.choice
    prior = "the old head" if choice.prior == "old" else "zero (nothing of the old head is kept)"
    lines = [
        "",
        f"plan {refitted.plan}: drawn to {prior}, C {choice.c:g}, epsilon {choice.epsilon:g}",
        f"on unseen pictures (n = {refitted.tested}, {folds} folds, 95 % intervals):",
        f"{'':12}{'before':26}{'after':26}better by",
    ]
    lines += [
        f"{item.measure.title:12}{_words(item.before):26}{_words(item.after):26}{_words(item.gain)}"
        for item in refitted.comparisons
    ]
    if not is_proven(refitted.comparisons):
        lines.append("The gain is not proven: its interval holds 0. More ratings would tell.")
    for judged in refitted.int8:
        told = "keeps scores with the new head" if not judged.faults else f"not chosen: {'; '.join(judged.faults)}"
        lines.append(f"{judged.graph}: {told}")
    return [*lines, ""]


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
