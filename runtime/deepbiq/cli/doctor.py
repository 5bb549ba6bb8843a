"""`deepbiq doctor`: what this machine has, which engines work here, and why the others do not."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.exit_codes import UNUSABLE_MODEL
from deepbiq.cli.formats import ResultFormat

if TYPE_CHECKING:
    from deepbiq.diagnosis import Findings


def doctor(
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    fmt: Annotated[
        ResultFormat, typer.Option("--format", help="How the findings are printed.")
    ] = ResultFormat.TEXT,
) -> None:
    """Check this machine: packages, processor, bundle, and every engine on the bundle's golden pictures.

    Every precision that the bundle holds is tried with ONNX Runtime, and with TensorRT where an engine was built;
    nothing is built here. Ends with exit code 4 when no engine computes the scores that the bundle's makers saw.
    """
    from deepbiq.bundle import default_bundle_path
    from deepbiq.diagnosis import diagnose

    findings = diagnose(default_bundle_path() if bundle is None else bundle)
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps(asdict(findings), indent=2))
    else:
        _print(findings)
    if not any(engine.works for engine in findings.engines):
        raise typer.Exit(UNUSABLE_MODEL)


def _print(findings: Findings) -> None:
    for section, facts in (("machine", findings.machine), ("packages", findings.packages)):
        typer.echo(section)
        for key, value in facts.items():
            typer.echo(f"  {key:24}{value}")
    typer.echo("bundle")
    typer.echo(f"  {findings.bundle}")
    typer.echo("engines")
    for engine in findings.engines:
        typer.echo(f"  {_mark(engine.works)}{engine.name:13}{engine.graph:22}{engine.detail}")
    typer.echo("what TensorRT needs")
    for part in findings.tensorrt:
        typer.echo(f"  {_mark(part.works)}{part.name:14}{part.detail}")
    typer.echo("TensorRT engines built on this machine")
    for file in findings.engine_files:
        typer.echo(f"  {file.path}: {file.detail}")
    if not findings.engine_files:
        typer.echo("  none")


def _mark(works: bool) -> str:
    return "ok  " if works else "no  "
