"""What can be watched, as users write it; and how a source is shown without its credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from deepbiq.errors import OptionError
from deepbiq.imaging import printable

SOURCE_HELP = (
    "a camera (0 or /dev/video0), rtsp:// or http:// (also with s), csi:0, a GStreamer pipeline that ends in "
    "appsink (gst: may stand before it), a video file or a folder"
)

_HIDDEN = "***"
_PIPELINE_PREFIX = "gst:"
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_SCHEMES = ("rtsp", "rtsps", "http", "https")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/:?#\[\]]+)(:\d{1,5})?(?=[/?#]|$)")
_CSI = re.compile(r"csi:(\d{1,2})")
_ARGUS = (
    "nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM), width=1280, height=720, framerate=30/1 "
    "! nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! video/x-raw, format=BGR "
    "! appsink drop=true max-buffers=1 sync=false"
)


class SourceKind(str, Enum):
    """By which means a source is read."""

    DEVICE = "device"
    STREAM = "stream"
    PIPELINE = "pipeline"
    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True)
class SourceSpec:
    """A source.

    Attributes:
        kind: By which means it is read.
        address: What OpenCV or the system is given. It may hold credentials, so it is no part of the `repr`.
        shown: The source for people, logs and other programs, without credentials: see `redact`.
    """

    kind: SourceKind
    address: str = field(repr=False)
    shown: str


def parse_source(text: str) -> SourceSpec:
    """Reads a source as users write it; asks the disk about files and folders, and nothing about the rest.

    Args:
        text: See `SOURCE_HELP`.

    Raises:
        OptionError: When it is none of these, or the file or folder is missing. The message shows no credentials.
    """
    if _is_pipeline(text):
        return _parse_pipeline(text)
    if csi := _CSI.fullmatch(text):
        return SourceSpec(SourceKind.PIPELINE, _ARGUS.format(sensor=csi[1]), text)
    if address := _ADDRESS.fullmatch(text):
        return _parse_address(text, address["scheme"].lower(), address["rest"])
    if text.isascii() and text.isdigit():
        return SourceSpec(SourceKind.DEVICE, f"/dev/video{int(text)}", f"/dev/video{int(text)}")
    if text.startswith("/dev/"):
        return SourceSpec(SourceKind.DEVICE, text, printable(text))
    return _parse_path(text)


def redact(text: str) -> str:
    """Returns a source as it is shown, whether it is a good one or not.

    Of addresses user, password and query are left out, and the values of what is written `name=value` in their
    paths; of pipelines only the elements' names are left. Another secret in a path cannot be known for one.
    """
    if _is_pipeline(text):
        elements = text.removeprefix(_PIPELINE_PREFIX).split(" ! ")
        return printable(" ! ".join(element.strip().partition(" ")[0] for element in elements))
    if address := _ADDRESS.fullmatch(text):
        return printable(f"{address['scheme'].lower()}://{_without_secrets(address['rest'])}")
    # It may be an address whose scheme was forgotten.
    return printable(_without_user(text))


def _is_pipeline(text: str) -> bool:
    return text.startswith(_PIPELINE_PREFIX) or " ! " in text


def _without_secrets(rest: str) -> str:
    path, query, _ = _without_user(rest).partition("?")
    path = re.sub(r"=[^/]*", f"={_HIDDEN}", path)
    return f"{path}?{_HIDDEN}" if query else path


def _without_user(rest: str) -> str:
    # Passwords are often written without escapes: whatever stands before the last @ may belong to one.
    _, at, place = rest.rpartition("@")
    return f"{_HIDDEN}@{place}" if at else rest


def _parse_pipeline(text: str) -> SourceSpec:
    shown = redact(text)
    if shown.rpartition(" ! ")[2] != "appsink":
        raise OptionError(
            f"the pipeline {shown} must end in an appsink: ... ! videoconvert ! video/x-raw, format=BGR "
            "! appsink drop=true max-buffers=1 sync=false"
        )
    return SourceSpec(SourceKind.PIPELINE, text.removeprefix(_PIPELINE_PREFIX).strip(), shown)


def _parse_address(text: str, scheme: str, rest: str) -> SourceSpec:
    shown = redact(text)
    if scheme not in _SCHEMES:
        raise OptionError(f"unknown kind of address {shown}: use {SOURCE_HELP}")
    if not _HOST.match(rest.rpartition("@")[2]) or not text.isprintable() or " " in text:
        raise OptionError(
            f"malformed address {shown}: it must be {scheme}://[user:password@]host[:port][/path]; "
            "write special characters of a password as %XX"
        )
    return SourceSpec(SourceKind.STREAM, text, shown)


def _parse_path(text: str) -> SourceSpec:
    try:
        path = Path(text).expanduser()
        if text and path.exists():
            kind = SourceKind.FOLDER if path.is_dir() else SourceKind.FILE
            # FFmpeg would take a relative name with a colon for a protocol.
            return SourceSpec(kind, str(path.absolute()), printable(text))
    except (OSError, ValueError, RuntimeError) as error:
        raise OptionError(
            f"no usable path {redact(text)!r} ({type(error).__name__}): a source is {SOURCE_HELP}"
        ) from None
    raise OptionError(f"no such file or folder: {redact(text)!r}; a source is {SOURCE_HELP}")
