"""`deepbiq info`: what a bundle is, where it comes from and how good it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer


class InfoFormat(str, Enum):
    """How the manifest is shown."""

    TEXT = "text"
    JSON = "json"


def info(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    fmt: Annotated[
        InfoFormat, typer.Option("--format", help="text, or json for the whole manifest.")
    ] = InfoFormat.TEXT,
) -> None:
    """Show a bundle: model, plans, data, licence, accuracy. Every file is checked against its SHA-256 first."""
    from deepbiq.bundle import default_bundle_path, open_bundle

    opened = open_bundle(default_bundle_path() if bundle is None else bundle)
    if fmt is InfoFormat.JSON:
        typer.echo(json.dumps({"path": str(opened.path), "model": opened.model_id, **opened.manifest}, indent=2))
        return
    _print(opened.path, opened.model_id, opened.manifest)


def _print(path: Path, model_id: str, manifest: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    megabytes = sum(entry["size"] for entry in manifest["files"].values()) / 1e6
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in (
        ("model", model_id),
        ("what", manifest.get("description", "")),
        ("where", str(path)),
        ("files", f"{len(manifest['files'])}, {megabytes:.1f} MB, all intact"),
        ("backbone", f"{manifest['backbone']}, {manifest['feature']['size']} features"),
        ("input", f"{manifest['input']['size']} px crops, {manifest['input']['colour_order']} uint8"),
        ("scale", f"short side down to {manifest['training_scale']['short_side']} px"),
        ("precisions", ", ".join(manifest["graphs"])),
        ("plans", ", ".join(f"{name} ({plan['pooling']})" for name, plan in manifest["plans"].items())),
        ("default", manifest["default"]["plan"]),
        *((f"{key}", _words(manifest[key])) for key in ("trained_on", "licence") if key in manifest),
    ):
        table.add_row(key.replace("_", " "), value)
    console.print(table)
    defaults = {name: plan["pooling"] for name, plan in manifest["plans"].items()}
    metrics = [row for row in manifest["metrics"] if defaults.get(row["plan"].partition(":")[0]) == row["pooling"]]
    if metrics:
        console.print(_metrics_table(metrics))


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key.replace('_', ' ')}: {item}" for key, item in value.items())
    return str(value)


def _metrics_table(metrics: list[Mapping[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(
        title="accuracy when it was made (--format json has every pooling)",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for heading in ("data set", "split", "n", "plan", "pooling", "PLCC", "SROCC"):
        table.add_column(heading, justify="right" if heading in ("n", "PLCC", "SROCC") else "left")
    for row in metrics:
        table.add_row(
            row["dataset"], row["split"], str(row["n"]), row["plan"], row["pooling"],
            f"{row['plcc']:.3f}", f"{row['srocc']:.3f}",
        )  # fmt: skip
    return table
