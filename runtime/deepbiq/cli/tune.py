"""`deepbiq tune`: find out what is fastest on this machine, and remember it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.exit_codes import UNUSABLE_MODEL
from deepbiq.cli.formats import ResultFormat
from deepbiq.plans import PLAN_HELP
from deepbiq.scale import SCALE_HELP

if TYPE_CHECKING:
    from deepbiq.tuning.trials import Trial


def tune(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).", show_default=False)
    ] = None,
    scale: Annotated[str, typer.Option(help=SCALE_HELP)] = "auto",
    seconds: Annotated[float, typer.Option(min=0, help="How long to time all configurations together.")] = 10.0,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the trials are printed.")] = ResultFormat.TEXT,
) -> None:
    """Time precisions, engines and threads on this machine, and remember the fastest one that keeps accuracy.

    INT8 is tried only where the bundle's calibration kept its budget for the plan, and every configuration must
    reproduce the bundle's golden scores here. From then on scorers take what was fastest, as far as engine,
    precision and threads are not asked for; `deepbiq info` shows it. Run it with nothing else running. The choice
    lies in deepbiq's cache folder (DEEPBIQ_CACHE, or deepbiq in ~/.cache): deleting it costs nothing but time.

    Ends with exit code 4 when no configuration can be used.
    """
    from deepbiq.bundle import default_bundle_path, open_bundle
    from deepbiq.cli.progress import progress_bar
    from deepbiq.configuration import AUTO, Configuration
    from deepbiq.plans import parse_plan
    from deepbiq.setting import settle
    from deepbiq.tuning.trials import fastest
    from deepbiq.tuning.tune import tune_bundle

    opened = open_bundle(default_bundle_path() if bundle is None else bundle)
    setting = settle(opened, None if plan is None else parse_plan(plan), None, scale)
    with progress_bar("rounds", None) as advance:
        trials, file = tune_bundle(opened, setting, seconds=seconds, advance=advance)
    chosen = fastest(trials, Configuration(AUTO, AUTO, None))
    if fmt is ResultFormat.JSON:
        told = {
            "model": opened.model_id,
            "plan": str(setting.plan),
            "chosen": None if chosen is None else asdict(chosen.configuration),
            "trials": [asdict(trial) for trial in trials],
            "file": str(file),
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{opened.model_id}, plan {setting.plan}")
        _print(trials, chosen)
        typer.echo(f"deepbiq: wrote {file}", err=True)
    if chosen is None:
        raise typer.Exit(UNUSABLE_MODEL)


def _print(trials: Sequence[Trial], chosen: Trial | None) -> None:
    for trial in trials:
        mark = "->" if trial is chosen else "  "
        found = f"{trial.ms:8.1f} ms" if trial.fault is None else f"not used: {trial.fault}"
        typer.echo(f"{mark} {trial.configuration!s:34}{found}")
