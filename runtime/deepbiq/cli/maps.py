"""The folder that `deepbiq score --map` fills: one overlay per picture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.cli.output import say
from deepbiq.errors import OptionError
from deepbiq.files import write_atomically
from deepbiq.imaging import printable

_LONGEST_NAME = 200
"""Bytes of a picture's name that its map keeps: of 255, the ending, a number and the temporary file need some."""


class MapFolder:
    """Writes overlays as `NAME.map.png`; pictures of the same name from several folders get `NAME.2.map.png`.

    Args:
        folder: Made if it is missing.

    Attributes:
        unwritten: Overlays so far that could not be written, each of which was told.

    Raises:
        OptionError: When it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"--map {folder}: {error.strerror}") from error
        self._folder = folder
        self.unwritten = 0
        self._taken: Counter[str] = Counter()

    def write(self, picture: str, overlay_bgr: npt.NDArray[np.uint8]) -> None:
        """Writes one overlay, or says why it cannot be written.

        Args:
            picture: Path of the picture that was scored.
            overlay_bgr: (H, W, 3) uint8, BGR.
        """
        import cv2

        name = printable(Path(picture).name).encode()[:_LONGEST_NAME].decode(errors="ignore")
        self._taken[name] += 1
        number = self._taken[name]
        target = self._folder / (f"{name}.map.png" if number == 1 else f"{name}.{number}.map.png")
        encoded = cv2.imencode(".png", overlay_bgr)[1]
        try:
            write_atomically(target, encoded.tobytes())
        except OSError as error:
            self.unwritten += 1
            say(f"{picture}: its map {target} cannot be written: {error.strerror}")
