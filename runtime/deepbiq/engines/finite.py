"""Features that are no numbers never become a score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepbiq.errors import EngineError


def check_finite(features: npt.NDArray[np.float32], input_shape: tuple[int, ...]) -> None:
    """Refuses features with a NaN or an infinity.

    Args:
        features: Of any shape.
        input_shape: Of the images that they were computed from, for the message.

    Raises:
        EngineError: When there is one.
    """
    # A sum of squares would need no temporary array, but BLAS keeps a core busy long after it.
    if not np.isfinite(features).all():
        raise EngineError(f"the network returned NaN or infinite features for input {input_shape}")
