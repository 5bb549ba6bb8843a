"""The bursts that are open: a window of each camera, the last triggers, and what coming triggers may ask for."""

from __future__ import annotations

from collections.abc import Iterator

from deepbiq.camera.burst import Burst, Recent
from deepbiq.camera.candidate import Candidate
from deepbiq.camera.config import BestSection

MOST_TRIGGERS = 16
"""How many triggers may be open at once: the bound on memory when somebody triggers all the time."""
MOST_PIXELS = 4
"""How many candidates are held as pixels before the oldest is encoded: many are beaten before that, and nobody pays
for encoding them."""
WINDOW = "window"
"""The reason of a burst that nobody triggered."""


class OpenBursts:
    """Sorts candidates into the open bursts.

    A camera's window begins with the first candidate after the last window's end, so a folder's window begins with
    the first picture that arrives.

    Args:
        section: Times and counts.
    """

    def __init__(self, section: BestSection) -> None:
        self._section = section
        self._recent: dict[str, Recent] = {}
        self._windows: dict[str, Burst] = {}
        self._triggered: list[Burst] = []
        self._pixels: list[Candidate] = []

    def offer(self, candidate: Candidate) -> Burst | None:
        """Takes a candidate; returns the window of its camera that ended before it, if there is one."""
        recent = self._recent.setdefault(candidate.camera, Recent(self._section.before_s, self._section.count))
        recent.offer(candidate)
        for burst in self._triggered:
            burst.offer(candidate)
        ended = None if self._section.window_s is None else self._offer_to_window(candidate, self._section.window_s)
        self._encode_oldest(candidate)
        return ended

    def trigger(self, name: str, at: float) -> bool:
        """Opens a burst of every camera; returns False where too many are open.

        Args:
            name: Of the trigger.
            at: The moment, in seconds of the monotonic clock.
        """
        if len(self._triggered) >= MOST_TRIGGERS:
            return False
        burst = Burst(name, at - self._section.before_s, at + self._section.after_s, self._section.count)
        for recent in self._recent.values():
            for candidate in recent:
                burst.offer(candidate)
        self._triggered.append(burst)
        return True

    def next_end(self) -> float | None:
        """Returns when the next burst ends, in seconds of the monotonic clock; None where none is open."""
        return min((burst.end for burst in self._all()), default=None)

    def take_ended(self, before: float) -> list[Burst]:
        """Closes the bursts that ended before a moment, and returns them, the earliest first."""
        ended = sorted((burst for burst in self._all() if burst.end < before), key=lambda burst: burst.end)
        self._windows = {camera: burst for camera, burst in self._windows.items() if burst not in ended}
        self._triggered = [burst for burst in self._triggered if burst not in ended]
        return ended

    def _offer_to_window(self, candidate: Candidate, seconds: float) -> Burst | None:
        window, ended = self._windows.get(candidate.camera), None
        if window is None or window.end <= candidate.captured:
            window, ended = (
                Burst(WINDOW, candidate.captured, candidate.captured + seconds, self._section.count),
                window,
            )
            self._windows[candidate.camera] = window
        window.offer(candidate)
        return ended

    def _all(self) -> Iterator[Burst]:
        yield from self._windows.values()
        yield from self._triggered

    def _encode_oldest(self, newest: Candidate) -> None:
        held = {id(candidate) for recent in self._recent.values() for candidate in recent}
        held |= {id(candidate) for burst in self._all() for candidate in burst.best()}
        self._pixels = [each for each in [*self._pixels, newest] if id(each) in held and not each.is_encoded]
        for candidate in self._pixels[:-MOST_PIXELS]:
            candidate.jpeg()
