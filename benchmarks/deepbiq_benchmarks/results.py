"""Results files: one per run, written by the command that measured, never edited by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepbiq.errors import OptionError
from deepbiq.files import write_atomically

NOT_MEASURED = "*Not measured yet.*"
"""What a document's table says until there is a result for it."""


def check_writable(results: Path | None, plot: Path | None = None) -> None:
    """Finds out before anything is measured whether its results will have a place.

    Args:
        results: Folder of the results file; None writes none.
        plot: File of the plot; None draws none.

    Raises:
        OptionError: When a folder does not exist, or the plot's ending is no format.
    """
    if results is not None and not results.is_dir():
        raise OptionError(f"the result cannot be written: there is no folder {results}")
    if plot is None:
        return
    from deepbiq_benchmarks.figures import check_format

    if not plot.parent.is_dir():
        raise OptionError(f"{plot} cannot be written: there is no folder {plot.parent}")
    check_format(plot)


def latest(results: Sequence[dict[str, Any]], benchmark: str) -> dict[str, Any] | None:
    """Takes the last result of a benchmark; None where there is none."""
    return next((result for result in reversed(results) if result.get("benchmark") == benchmark), None)


def save_result(folder: Path, parts: tuple[str, ...], result: dict[str, Any]) -> Path:
    """Writes a result as JSON.

    Args:
        folder: Must exist.
        parts: Words of the file name, for example task, data set, split, plan, engine, precision.
        result: JSON-ready.

    Returns:
        The file.

    Raises:
        OptionError: When the folder is missing or not writable.
    """
    name = "-".join(re.sub(r"[^a-z0-9.]+", "", part.lower().replace(":", "")) for part in parts)
    target = folder / f"{name}.json"
    try:
        write_atomically(target, json.dumps(result, indent=2).encode() + b"\n")
    except OSError as error:
        raise OptionError(f"the result cannot be written to {target}: {error.strerror}") from error
    return target
