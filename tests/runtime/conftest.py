from __future__ import annotations

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from deepbiq.cli.main import app


@pytest.fixture
def run():
    """Runs the command line inside this process; returns its exit code, stdout and stderr."""
    runner = CliRunner()

    def invoke(*arguments, stdin=None):
        done = runner.invoke(app, [str(argument) for argument in arguments], input=stdin)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return invoke


@pytest.fixture
def photos(tmp_path):
    """Pictures of blue 0, 102 and 255, which the tiny bundle scores 0, 40 and 100; the last lies deeper."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for name, blue in (("a.png", 0), ("b.png", 102), ("deeper/c.PNG", 255)):
        picture = np.zeros((100, 130, 3), np.uint8)
        picture[..., 0] = blue
        assert cv2.imwrite(str(folder / name.lower()), picture)
        (folder / name.lower()).rename(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_text("not to be looked at")
    return folder
