"""What watching cameras gives: results, states of cameras, best shots, alarms; and who takes them.

Every event can say itself as JSON (`describe`), with the same keys on stdout, in MQTT and on the web page. Times
are Unix seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Protocol

from deepbiq.camera.frame import Frame
from deepbiq.result import Score


class Verdict(str, Enum):
    """What is decided about a camera's picture."""

    ACCEPT = "accept"
    WARN = "warn"
    REJECT = "reject"


class State(str, Enum):
    """What a camera is doing."""

    OPENING = "opening"
    LIVE = "live"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True)
class Signals:
    """What was measured on the pixels, apart from the score; see `signals` for how.

    Attributes:
        brightness: Mean luma, 0..1.
        shadows: Share of pixels that are nearly black, 0..1.
        highlights: Share of pixels that are nearly white, 0..1.
        sharpness: Strength of detail; the larger the sharper.
        noise: Standard deviation of the noise, in grey levels of 255.
        change: Mean absolute difference to the camera's frame before, in grey levels of 255; None for the first.
    """

    brightness: float
    shadows: float
    highlights: float
    sharpness: float
    noise: float
    change: float | None


@dataclass(frozen=True, eq=False)
class Result:
    """One scored frame.

    Attributes:
        frame: The picture.
        score: What the scorer said about it.
        smoothed: The score smoothed over time, 0..100: what the verdict rests on.
        verdict: Of the camera, with this frame.
        changed: Whether this frame changed the verdict, or is the camera's first.
        reasons: Hints in words of the configuration (`dark`, `overexposed`, `blurred`, `noisy`, `frozen`, `black`).
        signals: What the hints rest on.
        age_s: Seconds from capture to this result.
        dropped: Frames of this camera that were replaced by newer ones before anybody looked, since the start.
    """

    frame: Frame
    score: Score
    smoothed: float
    verdict: Verdict
    changed: bool
    reasons: tuple[str, ...]
    signals: Signals
    age_s: float
    dropped: int

    @property
    def camera(self) -> str:
        """The camera's name."""
        return self.frame.camera

    def describe(self) -> dict[str, Any]:
        """Returns the event JSON-ready; the keys of `deepbiq score` keep their names."""
        frame, score = self.frame, self.score.to_dict()
        return {
            "event": "result",
            "camera": self.camera,
            "frame": frame.number,
            "captured_at": round(frame.captured_at, 3),
            "age_ms": round(1000 * self.age_s, 1),
            "verdict": self.verdict.value,
            "changed": self.changed,
            "smoothed": round(self.smoothed, 2),
            "reasons": list(self.reasons),
            "signals": {
                name: value if value is None else round(value, 4) for name, value in asdict(self.signals).items()
            },
            "dropped": self.dropped,
            **{
                key: score[key]
                for key in ("score", "label", "spread", "plan", "engine", "precision", "model", "ms")
            },
            "media_s": frame.media_s,
            "path": frame.path,
        }


@dataclass(frozen=True)
class CameraState:
    """A camera began, was lost, came back, or ended.

    Attributes:
        camera: Its name.
        state: What it does now.
        at: Unix seconds.
        detail: Why, in words without credentials; empty where there is nothing to say.
        reconnects: How often it came back since the start.
    """

    camera: str
    state: State
    at: float
    detail: str = ""
    reconnects: int = 0

    def describe(self) -> dict[str, Any]:
        """Returns the event JSON-ready."""
        return {
            "event": "camera",
            "camera": self.camera,
            "state": self.state.value,
            "at": round(self.at, 3),
            "detail": self.detail,
            "reconnects": self.reconnects,
        }


@dataclass(frozen=True)
class Kept:
    """A best frame was written; its file is complete and on disk.

    Attributes:
        camera: Whose frame.
        path: The picture.
        score: Its own score, not smoothed, 0..100.
        captured_at: Unix seconds.
        reason: What the burst was: `window`, or the trigger's name.
    """

    camera: str
    path: str
    score: float
    captured_at: float
    reason: str

    def describe(self) -> dict[str, Any]:
        """Returns the event JSON-ready."""
        return {"event": "best", **asdict(self), "score": round(self.score, 4)}


@dataclass(frozen=True)
class Drift:
    """A camera is lastingly worse than it used to be, or good again.

    Attributes:
        camera: Its name.
        alarm: True when it begins, False when it is over.
        baseline: What its score used to be, 0..100.
        recent: What it is now.
        at: Unix seconds.
    """

    camera: str
    alarm: bool
    baseline: float
    recent: float
    at: float

    def describe(self) -> dict[str, Any]:
        """Returns the event JSON-ready."""
        return {
            "event": "drift",
            **asdict(self),
            "baseline": round(self.baseline, 2),
            "recent": round(self.recent, 2),
        }


@dataclass(frozen=True)
class Fault:
    """Something failed that did not stop the watching: a frame that could not be scored, a full disk.

    Attributes:
        camera: Whose frame it was about; None for the process.
        what: In words, without credentials.
        at: Unix seconds.
    """

    camera: str | None
    what: str
    at: float

    def describe(self) -> dict[str, Any]:
        """Returns the event JSON-ready."""
        return {"event": "fault", **asdict(self)}


Event = Result | CameraState | Kept | Drift | Fault


class Sink(Protocol):
    """Takes events: prints, publishes, counts or shows them."""

    def take(self, event: Event) -> None:
        """Takes one event, in the loop's thread.

        Returns at once, keeps the newest where it cannot keep up, and raises nothing.
        """

    def close(self) -> None:
        """Says goodbye and lets go of threads, sockets and files; closing twice is allowed."""
