"""What the service answers, for its OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

Points = Annotated[float, Field(ge=0, le=100)]
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
NO_JSON = {400: "The body is no JSON.", 408: "The body arrived too slowly.", 413: "The body is too large."}
CameraName = Annotated[str, Path(description="A camera of the configuration.")]


class Answer(BaseModel):
    """A JSON object that is sent or taken: nothing else in it, no infinity, no NaN, and `true` is no number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Fault(Answer):
    """Why a request was refused."""

    error: str


class Thresholds(Answer):
    """A camera's thresholds: accepted from `accept` on, rejected below `reject`."""

    accept: Points
    reject: Points


class Trigger(Answer):
    """A moment whose best frames are to be kept."""

    name: str = Field(pattern=NAME_PATTERN, description="What the burst is called in the pictures' names.")


class Camera(Answer):
    """What is known of a camera."""

    name: str
    state: dict[str, Any] | None = Field(description="The event of its last change of state.")
    result: dict[str, Any] | None = Field(description="The event of its newest result.")
    age_s: float | None = Field(description="Seconds since that result's frame was captured.")
    drift: dict[str, Any] | None = Field(description="The event of its last drift alarm, or of its end.")
    thresholds: Thresholds


class Cameras(Answer):
    """Everything that the page starts with."""

    cameras: list[Camera]
    faults: list[dict[str, Any]] = Field(description="The events of the last faults, newest first.")


class History(Answer):
    """A camera's results, oldest first; the same place in every list is the same frame."""

    span_s: float = Field(description="Seconds that are kept.")
    age_s: list[float] = Field(description="Seconds since each frame was captured.")
    score: list[float]
    smoothed: list[float]
    verdict: list[str]


class Best(Answer):
    """A best frame that was kept."""

    id: str = Field(description="What its picture is asked for by; means nothing else.")
    camera: str
    score: float
    captured_at: float
    reason: str


class ScoreMilliseconds(Answer):
    """Milliseconds of each stage."""

    decode: float
    sample: float
    infer: float
    regress: float
    total: float


class ScoreAnswer(Answer):
    """What `deepbiq score --format json` prints for one picture."""

    path: None
    score: Points
    label: str
    spread: float
    plan: str
    pool: str
    engine: str
    precision: str
    model: str
    ms: ScoreMilliseconds
    warnings: list[str]
    error: None


def faults(meanings: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Describes the refusals of a route, by status."""
    return {status: {"model": Fault, "description": meaning} for status, meaning in meanings.items()}


def refusal(status: int, fault: str, **headers: str) -> HTTPException:
    """Returns what a route raises to refuse; underscores in names of headers stand for hyphens."""
    return HTTPException(status, fault, {name.replace("_", "-"): value for name, value in headers.items()})
