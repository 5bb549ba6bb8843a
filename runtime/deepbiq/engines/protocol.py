"""What every inference engine offers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from deepbiq.projection import Projection


class Engine(Protocol):
    """Runs one backbone in one precision. Calls from several threads at once are allowed.

    Attributes:
        name: As users write it, for example `onnxruntime`.
        precision: What was asked for: `fp32`, `fp16`, `int8`, or a flavour of INT8 by its name.
        version: Version of the library that runs the graph.
        crops_per_pass: Most crops of one call of `features`: a larger batch is slower or not possible.
        longest_side: Longest side of a picture of one call, in pixels; None has no bound.
        workers: Calls of `features_in_worker` at once that compute most pictures a second, at least 1.
    """

    name: str
    precision: str
    version: str
    crops_per_pass: int
    longest_side: int | None
    workers: int

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the features of all windows (see `deepbiq.dense`).

        Args:
            images: (N, H, W, 3) uint8, BGR, contiguous, H and W the bundle's input size plus multiples of its
                stride.

        Returns:
            (N, D, rows, columns) float32, a fresh array that belongs to the caller.

        Raises:
            EngineError: When the engine fails or returns NaN or infinite numbers.
        """

    def features_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the same as `features`, as one of `workers` calls at once: each slower, together faster."""

    def close(self) -> None:
        """Releases the engine; later calls raise EngineError. Closing twice is allowed."""


@runtime_checkable
class Projecting(Protocol):
    """What an engine offers besides when it can project features before they are pooled, which takes less time.

    Attributes:
        projection: What it projects on; None where its graph cannot.
    """

    projection: Projection | None

    def projections(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the projections of the features of all windows; only where there is a projection.

        Args:
            images: As for `Engine.features`.

        Returns:
            (N, K, rows, columns) float32, a fresh array that belongs to the caller.

        Raises:
            EngineError: As `Engine.features`.
        """

    def projections_in_worker(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Computes the same as `projections`, as one of `workers` calls at once."""
