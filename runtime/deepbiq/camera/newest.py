"""The newest frame of every camera, and waiting for any of them."""

from __future__ import annotations

import threading
import time

from deepbiq.camera.frame import Frame
from deepbiq.camera.readers import Captured


class NewestFrame:
    """One camera's place for its newest frame; each frame is handed out at most once.

    Args:
        camera: The camera's name.
        board_changed: The condition of the board; it guards everything here.

    Attributes:
        dropped: Frames that were replaced by newer ones before anybody took them.
        captured: When the newest frame came, taken or not, by `time.monotonic()`; None before the first.
    """

    def __init__(self, camera: str, board_changed: threading.Condition) -> None:
        self._camera = camera
        self._changed = board_changed
        self._frame: Frame | None = None
        self._count = 0
        self.dropped = 0
        self.captured: float | None = None

    def put(self, captured: Captured, given_up: threading.Event) -> None:
        """Puts a frame here; one that nobody took makes room and is counted as dropped.

        Args:
            captured: The picture.
            given_up: Set where it comes from a connection that was given up: then it is ignored.
        """
        moment, wall = time.monotonic(), time.time()
        with self._changed:
            if not given_up.is_set():
                self.dropped += self._frame is not None
                self._place(captured, moment, wall)

    def put_when_free(self, captured: Captured, given_up: threading.Event) -> None:
        """Puts a frame here once the one before it was taken, so that none is dropped."""
        moment, wall = time.monotonic(), time.time()
        with self._changed:
            self._changed.wait_for(lambda: self._frame is None or given_up.is_set())
            if not given_up.is_set():
                self._place(captured, moment, wall)

    def take(self) -> Frame | None:
        """Takes the frame, where there is one that nobody took; does not wait."""
        with self._changed:
            frame, self._frame = self._frame, None
            if frame is not None:
                self._changed.notify_all()
            return frame

    def holds_one(self) -> bool:
        """Says whether there is a frame that nobody took."""
        return self._frame is not None

    def give_up(self, given_up: threading.Event) -> None:
        """Marks a connection as given up: from now on nothing of it arrives here."""
        with self._changed:
            given_up.set()
            self._changed.notify_all()

    def _place(self, captured: Captured, moment: float, wall: float) -> None:
        self._count += 1
        self.captured = moment
        self._frame = Frame(
            self._camera, self._count, captured.bgr, moment, wall, path=captured.path, media_s=captured.media_s
        )
        self._changed.notify_all()


class FrameBoard:
    """The newest frames of all cameras."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._places: dict[str, NewestFrame] = {}

    def add(self, camera: str) -> NewestFrame:
        """Makes a place for a camera's frames."""
        with self._changed:
            return self._places.setdefault(camera, NewestFrame(camera, self._changed))

    def dropped(self, camera: str) -> int:
        """Returns how many frames of a camera were replaced by newer ones before anybody took them."""
        return self._places[camera].dropped

    def wait(self, timeout_s: float) -> list[Frame]:
        """Waits until any camera has a new frame, and takes the newest of every one that has.

        Returns:
            In the order in which the cameras were added; nothing after `timeout_s` seconds without a frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: any(place.holds_one() for place in self._places.values()), timeout_s)
            taken = [place.take() for place in self._places.values()]
        return [frame for frame in taken if frame is not None]
