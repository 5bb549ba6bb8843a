"""`deepbiq doctor`: what this machine has, which engines work here, and why the others do not."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.cli.exit_codes import UNUSABLE_MODEL
from deepbiq.cli.info import InfoFormat


def doctor(
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    fmt: Annotated[InfoFormat, typer.Option("--format", help="How the findings are printed.")] = InfoFormat.TEXT,
) -> None:
    """Check this machine: packages, processor, bundle, and every engine on the bundle's golden pictures.

    Ends with exit code 4 when no engine computes the scores that the bundle's makers saw.
    """
    from deepbiq.bundle import default_bundle_path
    from deepbiq.diagnosis import diagnose

    findings = diagnose(default_bundle_path() if bundle is None else bundle)
    if fmt is InfoFormat.JSON:
        typer.echo(json.dumps(asdict(findings), indent=2))
    else:
        for section, lines in (("machine", findings.machine), ("packages", findings.packages)):
            typer.echo(section)
            for key, value in lines.items():
                typer.echo(f"  {key:24}{value}")
        typer.echo("bundle")
        typer.echo(f"  {findings.bundle}")
        typer.echo("engines")
        for engine in findings.engines:
            typer.echo(f"  {'ok ' if engine.works else 'no '} {engine.name:14}{engine.detail}")
    if not any(engine.works for engine in findings.engines):
        raise typer.Exit(UNUSABLE_MODEL)
