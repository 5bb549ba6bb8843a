"""`deepbiq info`: what a bundle is, where it comes from and how good it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbiq.cli.formats import ResultFormat

if TYPE_CHECKING:
    from deepbiq.bundle import Bundle


def info(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    fmt: Annotated[
        ResultFormat, typer.Option("--format", help="text, or json for the whole manifest.")
    ] = ResultFormat.TEXT,
) -> None:
    """Show a bundle: model, plans, data, licence, accuracy. Every file is checked against its SHA-256 first."""
    from deepbiq.bundle import default_bundle_path, open_bundle

    opened = open_bundle(default_bundle_path() if bundle is None else bundle)
    if fmt is ResultFormat.JSON:
        told = {"path": str(opened.path), "model": opened.model_id, "tuned": _tuned(opened)}
        typer.echo(json.dumps({**told, **opened.manifest}, indent=2))
        return
    _print(opened)


def _tuned(bundle: Bundle) -> dict[str, Any] | None:
    """Says what `deepbiq tune` chose on this machine for the bundle's default plan; None where nobody tuned."""
    from deepbiq.configuration import AUTO, Configuration
    from deepbiq.setting import settle
    from deepbiq.tuning.store import load_trials
    from deepbiq.tuning.trials import fastest

    setting = settle(bundle, None, None, "auto")
    found = fastest(load_trials(bundle, setting), Configuration(AUTO, AUTO, None))
    return None if found is None else {"plan": str(setting.plan), "ms": found.ms, **asdict(found.configuration)}


def _tuned_in_words(tuned: Mapping[str, Any] | None) -> str:
    if tuned is None:
        return "not tuned on this machine: `deepbiq tune` finds out"
    threads = "" if tuned["threads"] is None else f", threads {tuned['threads']}"
    return f"{tuned['engine']} {tuned['precision']}{threads}: {tuned['ms']:.1f} ms with plan {tuned['plan']}"


def _print(bundle: Bundle) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    manifest = bundle.manifest
    megabytes = sum(entry["size"] for entry in manifest["files"].values()) / 1e6
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in (
        ("model", bundle.model_id),
        ("what", manifest.get("description", "")),
        ("where", str(bundle.path)),
        ("files", f"{len(manifest['files'])}, {megabytes:.1f} MB, all intact"),
        ("backbone", f"{manifest['backbone']}, {manifest['feature']['size']} features"),
        ("input", f"{manifest['input']['size']} px crops, {manifest['input']['colour_order']} uint8"),
        ("scale", f"short side down to {manifest['training_scale']['short_side']} px"),
        ("precisions", ", ".join(manifest["graphs"])),
        ("plans", ", ".join(f"{name} ({plan['pooling']})" for name, plan in manifest["plans"].items())),
        ("default", manifest["default"]["plan"]),
        ("fastest here", _tuned_in_words(_tuned(bundle))),
        *((f"{key}", _words(manifest[key])) for key in ("trained_on", "licence") if key in manifest),
    ):
        table.add_row(key.replace("_", " "), value)
    console.print(table)
    defaults = {name: plan["pooling"] for name, plan in manifest["plans"].items()}
    metrics = [row for row in manifest["metrics"] if defaults.get(row["plan"].partition(":")[0]) == row["pooling"]]
    if metrics:
        console.print(_metrics_table(metrics))


def _words(value: object, separator: str = "; ") -> str:
    if isinstance(value, Mapping):
        return separator.join(_entry(key.replace("_", " "), item) for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return str(value)


def _entry(key: str, value: object) -> str:
    return f"{key} ({_words(value, ', ')})" if isinstance(value, Mapping) else f"{key}: {_words(value)}"


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
