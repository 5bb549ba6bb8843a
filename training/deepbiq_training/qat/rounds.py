"""What each round of a quantisation-aware fine-tuning reached, kept as JSON beside its state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deepbiq.files import write_atomically
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.qat.comparison import Comparison


@dataclass(frozen=True)
class Round:
    """A validation.

    Attributes:
        step: Steps done; 0 is the network as it was, with quantisers.
        quantised: Scores with rounding beside the same network's without: what a bundle's INT8 costs.
        floats: Scores without rounding beside those of the network as it was: what the bundle's FP32 costs.
    """

    step: int
    quantised: Comparison
    floats: Comparison

    @property
    def distance(self) -> float:
        """What is minimised, in score points: how far integers are from floats, and floats from what they were."""
        return self.quantised.mean_shift + self.floats.mean_shift


def best_round(rounds: Sequence[Round]) -> Round:
    """Returns the round with the smallest distance; of equals the first."""
    return min(rounds, key=lambda found: found.distance)


def write_rounds(path: Path, rounds: Sequence[Round]) -> None:
    """Writes the file.

    Raises:
        OSError: When the disk is full or the folder not writable.
    """
    write_atomically(path, json.dumps([asdict(found) for found in rounds], indent=2).encode() + b"\n")


def read_rounds(path: Path) -> list[Round]:
    """Reads the file.

    Raises:
        CheckpointError: When it is missing or damaged.
    """
    try:
        return [
            Round(entry["step"], Comparison(**entry["quantised"]), Comparison(**entry["floats"]))
            for entry in json.loads(path.read_bytes())
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not the rounds of this training ({error}): delete the folder to begin again"
        ) from error
