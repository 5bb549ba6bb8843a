"""A scorer for months: when its engine fails it is closed and loaded anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepbiq.errors import DeepBIQError, EngineError
from deepbiq.result import Score
from deepbiq.scorer import Scorer
from deepbiq.setting import Setting

RETRY_SECONDS = 5.0
"""Between two attempts to load an engine: it takes memory and seconds of a small device."""


class EngineGuard:
    """Scores with an engine that may fail.

    Calls from several threads at once are allowed.

    Args:
        load: Loads the scorer; called at once, and again after a failure.

    Attributes:
        setting: Of the scorer.

    Raises:
        DeepBIQError: When the first loading fails: then nothing would ever work.
    """

    def __init__(self, load: Callable[[], Scorer]) -> None:
        self._load = load
        self._lock = threading.Lock()
        scorer = load()
        self.setting: Setting = scorer.setting
        self._scorer: Scorer | None = scorer
        self._retry_at = 0.0

    @property
    def resting(self) -> bool:
        """Whether the engine has failed and it is too early to load it again."""
        return self._scorer is None and time.monotonic() < self._retry_at

    def __call__(self, picture: bytes | npt.NDArray[np.uint8]) -> Score:
        """Scores a picture.

        Args:
            picture: The bytes of a file, or (H, W, 3) uint8 BGR.

        Raises:
            ImageError: When the picture must not be scored.
            EngineError: When the engine fails, or failed before and is not back yet.
        """
        scorer = self._running()
        try:
            return scorer(picture)
        except EngineError as error:
            self._give_up(scorer)
            raise EngineError(f"{error}; the engine is loaded anew in {RETRY_SECONDS:g} s") from error

    def close(self) -> None:
        """Releases the engine."""
        with self._lock:
            if self._scorer is not None:
                self._scorer.close()

    def _running(self) -> Scorer:
        with self._lock:
            if self._scorer is None:
                if self.resting:
                    raise EngineError("the engine failed and is not back yet")
                self._retry_at = time.monotonic() + RETRY_SECONDS
                try:
                    self._scorer = self._load()
                except DeepBIQError as error:
                    raise EngineError(f"the engine cannot be loaded anew: {error}") from error
            return self._scorer

    def _give_up(self, failed: Scorer) -> None:
        with self._lock:
            if self._scorer is failed:
                self._scorer = None
                self._retry_at = time.monotonic() + RETRY_SECONDS
                failed.close()
