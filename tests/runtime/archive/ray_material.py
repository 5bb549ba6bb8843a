"""Pictures and surroundings for tests of archives on Ray."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager

import cv2
import numpy as np
import pytest


def picture(path, blue):
    """Writes a small picture that the tiny bundle scores by its blue channel."""
    pixels = np.zeros((72, 80, 3), np.uint8)
    pixels[..., 0] = blue
    assert cv2.imwrite(str(path), pixels)


def many_names(folder, count):
    """Makes a folder with many names of one picture, of a score near 40."""
    folder.mkdir()
    picture(folder / "0.png", 102)
    for number in range(1, count):
        os.link(folder / "0.png", folder / f"{number}.png")
    return folder


@contextmanager
def no_trace():
    """Has clusters that are started meanwhile leave no logs behind, and none that is there taken for them."""
    # The folder's path is short, as sockets in it have names of at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray-") as logs, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", logs)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield
