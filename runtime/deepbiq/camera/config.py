"""The configuration of `deepbiq watch`: one TOML file, checked; unknown keys are errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from tomlkit.exceptions import TOMLKitError

from deepbiq.errors import OptionError

Points = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=86400)]

_TOPIC = r"[^#+\s/][^#+\s]*"
_HOST_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")


class Section(BaseModel):
    """A table of the file: every key known, every value of its type, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ScoreSection(Section):
    """How pictures are scored; as the options of `deepbiq score`."""

    bundle: Path | None = None
    engine: str = "auto"
    precision: str = "auto"
    plan: str | None = None
    pool: str | None = None
    scale: str = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None


class DecisionSection(Section):
    """The verdict: accept from `accept` on, reject below `reject`, warn between."""

    accept: Points = Field(default=55.0, description="Smoothed score from which a camera's picture is accepted.")
    reject: Points = Field(
        default=40.0, description="Smoothed score below which it is rejected; between the two it warns."
    )
    hysteresis: Points = Field(
        default=2.0, description="Points beyond a threshold before a verdict is given up again."
    )
    smoothing_s: float = Field(
        default=0.5,
        ge=0,
        le=3600,
        description="Time constant of the exponential smoothing, in seconds; 0 smooths nothing.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> DecisionSection:
        if self.reject > self.accept:
            raise ValueError(f"reject ({self.reject}) must not lie above accept ({self.accept})")
        return self


class SignalsSection(Section):
    """From which values on measured signals become hints."""

    dark: float = Field(default=0.12, ge=0, le=1, description="Mean luma below which a picture is `dark`.")
    black: float = Field(default=0.02, ge=0, le=1, description="Mean luma below which it is `black`.")
    overexposed: float = Field(
        default=0.25, ge=0, le=1, description="Share of nearly white pixels from which on it is `overexposed`."
    )
    blurred: float = Field(default=0.3, ge=0, description="Sharpness below which it is `blurred`.")
    noisy: float = Field(default=5.0, ge=0, description="Noise in grey levels from which on it is `noisy`.")
    frozen_s: Seconds = Field(default=10.0, description="Seconds without any change after which it is `frozen`.")


class BestSection(Section):
    """The best frames, kept as files. Nothing is kept where `folder` is not set."""

    folder: Path | None = Field(default=None, description="Where they are written.")
    window_s: Seconds | None = Field(
        default=None, description="Keep the best of every so many seconds; without it only triggers keep something."
    )
    before_s: Seconds = Field(default=2.0, description="Seconds before a trigger that belong to its burst.")
    after_s: Seconds = Field(default=1.0, description="Seconds after a trigger that belong to its burst.")
    count: int = Field(default=1, ge=1, le=100, description="Frames that are kept of a burst.")
    only_accepted: bool = Field(default=True, description="Keep only frames whose own score reaches `accept`.")
    quality: int = Field(default=95, ge=1, le=100, description="Of the JPEGs.")
    quota_mb: float = Field(
        default=1000.0,
        gt=0,
        description="Most megabytes in the folder; the oldest of this program's pictures make room.",
    )


class DriftSection(Section):
    """The alarm for a lasting fall: dirty lens, lost focus."""

    folder: Path | None = Field(
        default=None,
        description="Where baselines survive a restart; without it systemd's STATE_DIRECTORY, or they do not.",
    )
    fall: Points = Field(default=10.0, description="Points below the baseline that raise the alarm.")
    lasting_s: Seconds = Field(default=300.0, description="How long the fall must last.")
    baseline_s: float = Field(
        default=86400.0,
        gt=0,
        le=90 * 86400,
        description="Time constant of the baseline, in seconds; it must exceed lasting_s.",
    )

    @model_validator(mode="after")
    def _slower(self) -> DriftSection:
        if self.baseline_s <= self.lasting_s:
            raise ValueError(f"baseline_s ({self.baseline_s}) must exceed lasting_s ({self.lasting_s})")
        return self


class MqttSection(Section):
    """A broker; nothing is published where `host` is not set."""

    host: str | None = Field(default=None, description="Its name or address, without a port.")
    port: int = Field(default=1883, ge=1, le=65535)
    tls: bool = False
    username: str | None = None
    password_file: Path | None = Field(
        default=None, description="A file with the password, so that no configuration holds it."
    )
    topic: str = Field(default="deepbiq", pattern=f"^{_TOPIC}$", description="Before every topic.")
    discovery: str | None = Field(
        default="homeassistant",
        pattern=f"^({_TOPIC})?$",
        description="Prefix of Home Assistant's discovery; empty for none.",
    )
    interval_s: Seconds = Field(
        default=1.0, description="Least seconds between two results of a camera; changes are never held back."
    )

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str | None) -> str | None:
        if host is not None and not _names_host(host):
            raise ValueError("no host name and no IP address; the port is mqtt.port, encryption mqtt.tls")
        return host


class WebSection(Section):
    """The page and the service."""

    serve: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8460, ge=0, le=65535, description="0 takes any free one and says which.")
    token_file: Path | None = Field(
        default=None, description="A file with the token; needed for any address but loopback."
    )
    max_upload_mb: float = Field(default=20.0, gt=0, le=64)
    requests_per_minute: int = Field(
        default=120, ge=1, description="Of POST /score and triggers, per client address."
    )
    history_s: Seconds = Field(default=600.0, description="Seconds of scores that the chart shows.")


class LogSection(Section):
    """Logs, on stderr."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class CameraSection(Section):
    """One camera."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="In topics, files and metrics.")
    source: str = Field(min_length=1, description="Device, address, pipeline, video file or folder.")
    open_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 5.0
    max_fps: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        default=None, description="Most frames a second that are scored."
    )
    decision: DecisionSection | None = Field(default=None, description="Instead of the common one.")


class WatchConfig(Section):
    """The whole file."""

    score: ScoreSection = ScoreSection()
    decision: DecisionSection = DecisionSection()
    signals: SignalsSection = SignalsSection()
    best: BestSection = BestSection()
    drift: DriftSection = DriftSection()
    mqtt: MqttSection = MqttSection()
    web: WebSection = WebSection()
    log: LogSection = LogSection()
    camera: tuple[CameraSection, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> WatchConfig:
        names = [camera.name for camera in self.camera]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two cameras are called {', '.join(twice)}")
        return self


def read_config(path: Path) -> WatchConfig:
    """Reads a configuration file; raises OptionError where it cannot be read, or as `parse_config` does."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: the configuration cannot be read: {error}") from error
    return parse_config(text, str(path))


def parse_config(text: str, name: str) -> WatchConfig:
    """Reads the TOML of a configuration.

    Args:
        text: The file's content.
        name: What to call it in errors.

    Raises:
        OptionError: When it is no TOML, or a key is unknown, or a value of the wrong type or out of its range: the
            message names each.
    """
    try:
        values = tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise OptionError(f"{name}: no valid TOML: {error}") from error
    return check_config(values, name)


def check_config(values: Mapping[str, Any], name: str) -> WatchConfig:
    """Checks the values of a configuration; raises OptionError as `parse_config` does."""
    try:
        return WatchConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            _in_words(fault["loc"], fault["type"], fault["msg"], fault["input"]) for fault in error.errors()
        )
        raise OptionError(f"{name}: {faults}") from error


def _names_host(text: str) -> bool:
    """Says whether a text may be the name or address of a host, which nobody looks up here."""
    try:
        if ":" in text:
            IPv6Address(text)
            return True
        # As the resolver will; labels that are too long fail.
        text.encode("idna")
    except ValueError:
        return False
    return _HOST_NAME.fullmatch(text) is not None


def _in_words(location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    place, message = ".".join(map(str, location)), message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"unknown key {place}"
    if isinstance(value, dict):
        return f"{place}: {message}" if place else message
    return f"{place}: {message} (got {value!r})"
