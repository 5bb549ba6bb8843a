"""What the page may change: thresholds and triggers."""

from __future__ import annotations

from typing import Protocol


class Controls(Protocol):
    """The loop's knobs; called from the service's threads."""

    def thresholds(self, camera: str) -> tuple[float, float]:
        """Returns (accept, reject) of a camera, 0..100; raises OptionError for one that is not watched."""

    def set_thresholds(self, camera: str, accept: float, reject: float) -> None:
        """Changes them from the next frame on; raises OptionError where they cannot be taken."""

    def trigger(self, name: str) -> None:
        """Starts a burst on every camera; raises OptionError where none can be kept."""
