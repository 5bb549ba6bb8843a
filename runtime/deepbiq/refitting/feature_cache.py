"""Average features of pictures on disk, so that a second refit needs no inference.

A file is written whole or not at all, under a key of everything that the features depend on; one that is damaged is
as good as missing.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from deepbiq.cache_folder import cache_folder, keep

FOLDER = "features"
_NAME = "features"


class FeatureCache:
    """The features of many pictures under the same circumstances.

    Args:
        circumstances: What features depend on besides the picture; JSON values by name.
        size: Length of a feature vector.
    """

    def __init__(self, circumstances: Mapping[str, object], size: int) -> None:
        text = json.dumps(circumstances, sort_keys=True)
        self._kind = f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        self._size = size

    def get(self, content_hash: str) -> npt.NDArray[np.float32] | None:
        """Returns the (D,) features of a picture by the SHA-256 of its bytes; None where there are none."""
        try:
            with np.load(cache_folder() / self._kind / f"{content_hash}.npz", allow_pickle=False) as archive:
                features = archive[_NAME]
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            return None
        sound = features.dtype == np.float32 and features.shape == (self._size,) and np.isfinite(features).all()
        return features if sound else None

    def put(self, content_hash: str, features: npt.NDArray[np.float32]) -> None:
        """Keeps the features of a picture.

        Raises:
            OptionError: When they cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{_NAME: features})
        keep(self._kind, f"{content_hash}.npz", buffer.getvalue())
