"""`deepbiq threshold`: find the thresholds of the verdict in your own pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.exit_codes import PASS, UNREADABLE_IMAGE
from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.output import say
from deepbiq.configuration import THREADS_HELP
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import OptionError
from deepbiq.graphs import PRECISION_HELP
from deepbiq.plans import PLAN_HELP
from deepbiq.scale import SCALE_HELP

if TYPE_CHECKING:
    from deepbiq.camera.threshold_files import Scored
    from deepbiq.camera.thresholds import Scores, Thresholds
    from deepbiq.scorer import Scorer


def threshold(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, globs, or - for a list of paths on standard input.", show_default=False
        ),
    ] = None,
    reject_rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the pictures that should be rejected.", show_default=False),
    ] = None,
    warn_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share that should be warned about, with --reject-rate.")
    ] = 0.1,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the columns path and verdict (accepted, accept, 1; rejected, reject, 0): fit to these. "
            "Paths are relative to its folder; with --scores they are compared as they are written.",
            show_default=False,
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines of `deepbiq score` or `deepbiq watch`: take these scores and score nothing.",
            show_default=False,
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search folders to the bottom.")] = False,
    fmt: Annotated[
        ResultFormat, typer.Option("--format", help="TOML for the configuration, or JSON.")
    ] = ResultFormat.TEXT,
    plot: Annotated[
        Path | None, typer.Option(help="Write a histogram with the thresholds, as SVG.", show_default=False)
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).", show_default=False)
    ] = None,
    scale: Annotated[str, typer.Option(help=SCALE_HELP)] = "auto",
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help=THREADS_HELP, show_default=False),
    ] = None,
) -> None:
    """Fit the thresholds of the verdict: to a wanted reject rate, or to pictures that you accepted and rejected.

    With --reject-rate they are quantiles of the scores. With --labels the border lies where the balanced accuracy
    (Youden's J) is largest, and what lies within its 95 % bootstrap interval is warned about. What is printed is
    the section `decision` of the configuration of `deepbiq watch`, with what the thresholds do to these pictures.

    Single pictures are judged here: without smoothing over time and hysteresis.

    Exit codes: 0 fitted, 2 usage, or the pictures do not support thresholds, 3 fitted, but some pictures could not
    be read, 4 bundle or engine unusable.
    """
    from deepbiq.camera.threshold_files import read_labels, read_scores
    from deepbiq.camera.threshold_plot import plot as draw
    from deepbiq.files import write_atomically
    from deepbiq.scorer import load

    _check(pictures, reject_rate, labels, scores)
    verdicts = None if labels is None else read_labels(labels)
    if scores is not None:
        scored = read_scores(scores)
    else:
        names, paths = _pictures(pictures, labels, verdicts, recursive=recursive)
        with load(bundle, engine=engine, precision=precision, plan=plan, scale=scale, threads=threads) as scorer:
            scored = _score(scorer, names, paths)
    if verdicts is not None:
        scored = scored.labelled(verdicts)
    for _, fault in scored.faults:
        say(fault)
    fitted, groups = _fit(scored, verdicts, reject_rate, warn_rate)
    _print(fitted, len(scored.faults), fmt)
    if plot is not None:
        try:
            write_atomically(plot, draw(groups, fitted).encode())
        except OSError as error:
            raise OptionError(f"the plot cannot be written: {error}") from error
    raise typer.Exit(UNREADABLE_IMAGE if scored.faults else PASS)


def _check(pictures: list[str] | None, reject_rate: float | None, labels: Path | None, scores: Path | None) -> None:
    if (reject_rate is None) is (labels is None):
        raise OptionError("say what to fit to: either --reject-rate or --labels")
    if labels is not None and pictures:
        raise OptionError("--labels names the pictures itself: leave out PICTURES")
    if scores is not None and pictures:
        raise OptionError("--scores holds the scores already: leave out PICTURES")
    if labels is None and scores is None and not pictures:
        raise OptionError("nothing to fit to: name PICTURES, or --scores")


def _pictures(
    pictures: list[str] | None, labels: Path | None, verdicts: dict[str, bool] | None, *, recursive: bool
) -> tuple[list[str], list[str]]:
    """Returns the names of the pictures to score, and where they lie."""
    from deepbiq.inputs import expand

    if labels is None or verdicts is None:
        paths = list(expand(pictures or [], recursive=recursive, note=say))
        return paths, paths
    return list(verdicts), [str(labels.parent / path) for path in verdicts]


def _score(scorer: Scorer, names: list[str], paths: list[str]) -> Scored:
    from deepbiq.camera.threshold_files import Scored
    from deepbiq.cli.progress import progress_bar

    scored = Scored()
    with progress_bar("scoring", len(paths)) as advance:
        for name, result in zip(names, scorer.stream(paths), strict=True):
            scored.add(name, result.score, result.error)
            advance()
    return scored


def _fit(
    scored: Scored, verdicts: dict[str, bool] | None, reject_rate: float | None, warn_rate: float
) -> tuple[Thresholds, dict[str, Scores]]:
    """Returns the thresholds, and the scores they rest on by the names of their groups."""
    import numpy as np

    from deepbiq.camera.thresholds import fit_labels, fit_rates

    scores = np.array(scored.scores, np.float64)
    if verdicts is None:
        assert reject_rate is not None
        return fit_rates(scores, reject_rate, warn_rate), {"pictures": scores}
    accepted = np.array([path is not None and verdicts[path] for path in scored.paths], np.bool_)
    return fit_labels(scores, accepted), {"accepted": scores[accepted], "rejected": scores[~accepted]}


def _print(fitted: Thresholds, unreadable: int, fmt: ResultFormat) -> None:
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps({**asdict(fitted), "unreadable": unreadable}, indent=2))
        return
    rates, border = fitted.rates, fitted.border
    typer.echo(f"[decision]\naccept = {fitted.accept}\nreject = {fitted.reject}")
    typer.echo(f"# {fitted.n} pictures; {unreadable} could not be read")
    typer.echo(f"# of them accepted {rates.accept:.1%}, warned {rates.warn:.1%}, rejected {rates.reject:.1%}")
    if border is not None:
        low, high = border.interval
        typer.echo(f"# {border.accepted} were accepted by people, {border.rejected} rejected; AUC {border.auc:.3f}")
        typer.echo(
            f"# border {border.score} (95 % interval {low} to {high}): balanced accuracy "
            f"{border.balanced_accuracy:.3f}, Youden's J {border.youden:.3f}"
        )
