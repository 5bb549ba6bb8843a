"""Features that are no numbers never become a score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepbiq.errors import EngineError


def check_finite(features: npt.NDArray[np.float32], input_shape: tuple[int, ...]) -> None:
    """Refuses features with a NaN or an infinity.

    Args:
        features: Contiguous, of any shape.
        input_shape: Of the images that they were computed from, for the message.

    Raises:
        EngineError: When there is one.
    """
    # One pass and no temporary: a NaN or infinity anywhere makes the sum of squares one, too.
    flat = features.reshape(-1)
    if not np.isfinite(np.dot(flat, flat)):
        raise EngineError(f"the network returned NaN or infinite features for input {input_shape}")
