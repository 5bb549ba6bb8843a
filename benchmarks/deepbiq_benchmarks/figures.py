"""Figures on their way to a file."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from deepbiq.errors import OptionError
from deepbiq.files import write_atomically


def check_format(path: Path) -> None:
    """Finds out before anything is drawn whether the ending of a path is a format; without an ending it is PNG.

    Raises:
        OptionError: When matplotlib writes no such format.
    """
    formats = FigureCanvasBase.get_supported_filetypes()
    if _format_of(path) not in formats:
        raise OptionError(f"no plot can be written to {path}: its ending is none of {', '.join(sorted(formats))}")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure; the ending of the path decides the format.

    Raises:
        OptionError: When the file cannot be written.
    """
    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, format=_format_of(path), dpi=120)
        write_atomically(path, buffer.getvalue())
    except (ValueError, OSError) as error:
        raise OptionError(f"the plot cannot be written to {path}: {error}") from error


def _format_of(path: Path) -> str:
    return path.suffix.removeprefix(".").lower() or "png"
