"""What may be changed while cameras are watched: thresholds and triggers."""

from __future__ import annotations

from collections.abc import Mapping

from deepbiq.camera.judge import CameraJudge
from deepbiq.camera.keeper import BurstKeeper
from deepbiq.errors import OptionError


class WatchControls:
    """The loop's knobs, for any thread.

    Args:
        judges: Per camera.
        keeper: Keeps best shots; None where none are kept.
    """

    def __init__(self, judges: Mapping[str, CameraJudge], keeper: BurstKeeper | None) -> None:
        self._judges = judges
        self._keeper = keeper

    def thresholds(self, camera: str) -> tuple[float, float]:
        """Returns the scores from which on a camera's picture is accepted and below which it is rejected."""
        return self._judge(camera).decider.thresholds

    def set_thresholds(self, camera: str, accept: float, reject: float) -> None:
        """Changes them from the next frame on, until the process ends; raises OptionError as `Decider` does."""
        self._judge(camera).decider.set_thresholds(accept, reject)

    def trigger(self, name: str) -> None:
        """Keeps the best frames of every camera around now.

        Args:
            name: What triggered; the reason of what is kept.

        Raises:
            OptionError: When nothing is kept.
        """
        if self._keeper is None:
            raise OptionError("no best frames are kept: set best.folder, or --best FOLDER")
        self._keeper.trigger(name)

    def _judge(self, camera: str) -> CameraJudge:
        if camera not in self._judges:
            raise OptionError(f"no camera is called {camera!r}: there are {', '.join(self._judges)}")
        return self._judges[camera]
