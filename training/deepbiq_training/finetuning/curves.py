"""The learning curves of a fine-tuning: loss and agreement with people against epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepbiq.files import write_atomically
from deepbiq_training.finetuning.log import Row


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """Draws the mean loss of each epoch above, PLCC and SROCC on the validation part below.

    Args:
        rows: Of the log.
        path: PNG file.

    Raises:
        OSError: When the disk is full or the folder not writable.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    epochs = np.array([row["epoch"] for row in rows])
    losses = np.array([row["loss"] for row in rows])
    numbers = np.unique(epochs)
    above.plot(numbers, [losses[epochs == number].mean() for number in numbers], marker=".")
    above.set(ylabel="training loss, mean of the epoch")
    judged = [row for row in rows if row["validation_srocc"] is not None]
    for column, label in (("validation_srocc", "SROCC"), ("validation_plcc", "PLCC")):
        below.plot([row["epoch"] for row in judged], [row[column] for row in judged], marker=".", label=label)
    below.set(xlabel="epoch", ylabel="validation part, the network's own score")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())
