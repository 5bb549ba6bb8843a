"""Training batches: every picture once an epoch, a random crop of it at its own scale, flipped or not.

Order, crop and flip are functions of (seed, epoch, picture) alone, so a training can go on from any step without a
state of a generator. Nothing else is done to a crop: anything more would change its quality and not its label.
Pictures are decoded in a thread, ahead of the network.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepbiq.crops import cut_crops, pad_to_size
from deepbiq.datasets import RatedPicture
from deepbiq.errors import OptionError
from deepbiq.imaging import Limits, read_bytes
from deepbiq.lookahead import map_ahead
from deepbiq_training.sampling import decode_at_scale

_ORDER, _CROP = 0, 1
"""Tell apart the random streams of one seed."""
_LOOKAHEAD = 2


@dataclass(frozen=True, eq=False)
class Batch:
    """What the network sees in one pass.

    Attributes:
        crops: (N, S, S, 3) uint8, BGR.
        mos: (N,) float32, 0..100.
    """

    crops: npt.NDArray[np.uint8]
    mos: npt.NDArray[np.float32]


@dataclass(frozen=True)
class BatchPlan:
    """Shares the pictures of an epoch out over steps, passes and devices.

    Pictures that do not fill a last step are left out of that epoch; another order leaves out others.

    Attributes:
        pictures: Number of training pictures.
        batch_size: Pictures per pass and device.
        accumulate: Passes per step.
        devices: Devices that work in parallel.
        seed: Draws the order of each epoch.

    Raises:
        OptionError: When the pictures do not fill one step.
    """

    pictures: int
    batch_size: int
    accumulate: int
    devices: int
    seed: int

    def __post_init__(self) -> None:
        if self.steps_per_epoch == 0:
            raise OptionError(
                f"one step takes {self._per_step} pictures (batch-size {self.batch_size} x accumulate "
                f"{self.accumulate} x {self.devices} devices), but only {self.pictures} are there to train on"
            )

    @property
    def _per_step(self) -> int:
        return self.batch_size * self.accumulate * self.devices

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch."""
        return self.pictures // self._per_step

    def passes(self, step: int, device: int) -> list[npt.NDArray[np.int64]]:
        """Chooses the pictures of a step.

        Args:
            step: Counted from the beginning of the training.
            device: Number of the device, 0 and up.

        Returns:
            For each pass the (batch size,) numbers of its pictures.
        """
        epoch, within = divmod(step, self.steps_per_epoch)
        order = _generator(self.seed, _ORDER, epoch).permutation(self.pictures)
        taken = order[within * self._per_step : (within + 1) * self._per_step]
        return list(taken.reshape(self.accumulate, self.devices, self.batch_size)[:, device])


def random_crop(bgr: npt.NDArray[np.uint8], size: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Cuts a random square out of a picture, which is continued by reflection if it is smaller, and may mirror it.

    Args:
        bgr: (H, W, 3) uint8, BGR.
        size: Side of the crop in pixels.
        generator: Draws top, left and flip.

    Returns:
        (size, size, 3) uint8, BGR.
    """
    padded = pad_to_size(bgr, size, size)
    top_left = generator.integers(0, [padded.shape[0] - size + 1, padded.shape[1] - size + 1])
    crop: npt.NDArray[np.uint8] = cut_crops(padded, top_left[None], size)[0]
    return crop[:, ::-1] if generator.random() < 0.5 else crop


def read_batches(
    pictures: Sequence[RatedPicture],
    plan: BatchPlan,
    *,
    steps: range,
    device: int,
    crop_size: int,
    short_side: int,
) -> Generator[Batch, None, None]:
    """Reads the batches of some steps, pass by pass.

    Args:
        pictures: The training pictures.
        plan: Which of them when.
        steps: Counted from the beginning of the training.
        device: Number of the device that the batches are for.
        crop_size: Side of the crops in pixels.
        short_side: The training scale in pixels.

    Raises:
        ImageError: When a picture cannot be read.
    """

    def crop_of(epoch: int, number: int) -> npt.NDArray[np.uint8]:
        path = pictures[number].path
        bgr = decode_at_scale(read_bytes(path, Limits()), name=str(path), short_side=short_side)
        return random_crop(bgr, crop_size, _generator(plan.seed, _CROP, epoch, number))

    def load(item: tuple[int, list[int]]) -> Batch:
        epoch, numbers = item
        crops = np.stack([crop_of(epoch, number) for number in numbers])
        return Batch(crops, np.array([pictures[number].mos for number in numbers], dtype=np.float32))

    passes = (
        (step // plan.steps_per_epoch, numbers.tolist()) for step in steps for numbers in plan.passes(step, device)
    )
    yield from map_ahead(load, passes, _LOOKAHEAD, workers=1)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
