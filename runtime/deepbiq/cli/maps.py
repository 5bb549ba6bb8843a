"""The folder that `deepbiq score --map` fills: one overlay per picture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepbiq.errors import OptionError
from deepbiq.files import write_atomically
from deepbiq.imaging import printable


class MapFolder:
    """Writes overlays as `NAME.map.png`; pictures of the same name from several folders get `NAME.2.map.png`.

    Args:
        folder: Made if it is missing.

    Raises:
        OptionError: When it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"--map {folder}: {error.strerror}") from error
        self._folder = folder
        self._taken: Counter[str] = Counter()

    def write(self, picture: str, overlay_bgr: npt.NDArray[np.uint8]) -> None:
        """Writes one overlay.

        Args:
            picture: Path of the picture that was scored.
            overlay_bgr: (H, W, 3) uint8, BGR.

        Raises:
            OptionError: When the file cannot be written.
        """
        import cv2

        name = printable(Path(picture).name)
        self._taken[name] += 1
        number = self._taken[name]
        target = self._folder / (f"{name}.map.png" if number == 1 else f"{name}.{number}.map.png")
        encoded = cv2.imencode(".png", overlay_bgr)[1]
        try:
            write_atomically(target, encoded.tobytes())
        except OSError as error:
            raise OptionError(f"--map: {target} cannot be written: {error.strerror}") from error
