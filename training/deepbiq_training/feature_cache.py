"""Features on disk: one file per picture, under a key of everything that they depend on.

A file is written whole or not at all, so an interrupted extraction goes on where it stopped. Whoever changes
decoding, scale, crops or windows in a way that changes features raises the version of the families it concerns.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np

from deepbiq.files import write_atomically
from deepbiq.plans import Plan, PlanFamily
from deepbiq_training.sampling import Features

SAMPLER_VERSIONS: dict[PlanFamily, int] = {"random": 1, "grid": 1, "dense": 2, "whole": 1}
_KEY_FILE = "key.json"


class FeatureCache:
    """The features of many pictures under one network, plan and scale.

    Args:
        root: Folder of all caches; made when missing.
        weights_sha256: Of the network's weights.
        plan: The sampling plan.
        short_side: The training scale in pixels.
    """

    def __init__(self, root: Path, *, weights_sha256: str, plan: Plan, short_side: int) -> None:
        key = {
            "weights_sha256": weights_sha256,
            "plan": str(plan),
            "short_side": short_side,
            "sampler_version": SAMPLER_VERSIONS[plan.family],
        }
        text = json.dumps(key, indent=2, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder = root / f"{str(plan).replace(':', '-')}-{digest}"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _KEY_FILE).exists():
            write_atomically(self.folder / _KEY_FILE, text.encode())

    def path_of(self, picture_sha256: str) -> Path:
        """Names the file that holds the features of a picture, given the SHA-256 of its bytes."""
        return self.folder / picture_sha256[:2] / f"{picture_sha256}.npy"

    def get(self, picture_sha256: str) -> Features | None:
        """Reads the features of a picture; None where there are none, or a damaged file."""
        try:
            features = np.load(self.path_of(picture_sha256), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return features if features.dtype == np.float16 and np.isfinite(features).all() else None

    def put(self, picture_sha256: str, features: Features) -> None:
        """Writes the features of a picture, whole or not at all.

        Raises:
            OSError: When the disk is full or the folder not writable.
        """
        path = self.path_of(picture_sha256)
        path.parent.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, features, allow_pickle=False)
        write_atomically(path, buffer.getvalue())
