"""The report's files: kept also, and above all, where the calibration is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepbiq.errors import OptionError
from deepbiq.files import write_atomically
from deepbiq_calibration.outcome import Outcome
from deepbiq_calibration.page import render_page
from deepbiq_calibration.plots import draw_plots

REPORT = "report.json"
PAGE = "report.html"
PICTURES = "pictures.json"


def prepare_folder(folder: Path) -> None:
    """Makes sure, before anything is computed, that there is a place for the report; one that is there stays.

    Raises:
        OptionError: When the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OptionError(f"the report cannot be written to {folder}: {error}") from error


def write_report(folder: Path, told: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Writes the report, all of it or nothing: JSON, the list of pictures, the page and its plots.

    Args:
        folder: Must exist.
        told: `bundle`, `pictures` (the draw's manifest), `circumstances` and whatever else is to be known.
        outcomes: One for each flavour.

    Raises:
        OptionError: When a file cannot be written.
    """
    outlined = {**told, "pictures": {key: told["pictures"][key] for key in ("seed", "counts")}}
    plots: dict[str, dict[str, bytes]] = {outcome.flavour: draw_plots(outcome) for outcome in outcomes}
    flavours = {outcome.flavour: _with_scores(outcome) for outcome in outcomes}
    files = {
        REPORT: _json({**outlined, "flavours": flavours}),
        PICTURES: _json(told["pictures"]),
        PAGE: render_page(told, outcomes, plots).encode(),
    }
    for flavour, drawn in plots.items():
        files.update({f"{flavour}-{name}.png": data for name, data in drawn.items()})
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as staged:
            for name, data in files.items():
                write_atomically(Path(staged) / name, data)
            # What is left needs no room: a full disk leaves the last report, never half of two.
            for name in files:
                (Path(staged) / name).replace(folder / name)
    except OSError as error:
        raise OptionError(f"the report cannot be written to {folder}: {error}") from error


def _with_scores(outcome: Outcome) -> dict[str, Any]:
    shown = outcome.shown
    scores = {
        plan: {
            "fp32": [round(float(v), 4) for v in outcome.reference[plan]],
            "int8": [round(float(v), 4) for v in int8],
        }
        for plan, int8 in shown.scores.items()
    }
    return {**outcome.describe(), "shown": shown.name, "scores": scores}


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"
