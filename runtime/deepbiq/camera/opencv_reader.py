"""Devices, streams, pipelines and video files, read by OpenCV.

What FFmpeg, GStreamer and OpenCV write to stderr by themselves may hold addresses with their credentials. For this
process it is switched off: OPENCV_FFMPEG_LOGLEVEL is set to -8 (AV_LOG_QUIET of libavutil/log.h) unless the user
has set it, and OpenCV's log level to silent. What matters is said in the errors raised here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from deepbiq.camera.readers import Captured, ReadingOptions, SourceEnded
from deepbiq.camera.sources import SourceKind, SourceSpec
from deepbiq.errors import CameraError, ImageError

Result = TypeVar("Result")

_ENVIRONMENT = {
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # RTSP over UDP shows half pictures wherever a packet is lost. FFmpeg would watch a stream for seconds to find
    # its frame rate, which nobody asks for. https://ffmpeg.org/ffmpeg-protocols.html#rtsp and ffmpeg-formats.html
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp|fpsprobesize;0",
}
_SILENT = 0  # LOG_LEVEL_SILENT of opencv2/core/utils/logger.defines.hpp
_BACKENDS = {
    SourceKind.DEVICE: cv2.CAP_V4L2,
    SourceKind.STREAM: cv2.CAP_FFMPEG,
    SourceKind.FILE: cv2.CAP_FFMPEG,
    SourceKind.PIPELINE: cv2.CAP_GSTREAMER,
}
_UNOPENED = {
    SourceKind.DEVICE: "it cannot be opened: is it plugged in, free, and may this user read it (group video)?",
    SourceKind.STREAM: "it cannot be opened: is it running, are address, user and password right?",
    SourceKind.PIPELINE: "it cannot be started: try it with gst-launch-1.0 and fakesink",
}
_SECONDS_BETWEEN_FAULTS = 10.0
_MOST_DAMAGED = 30
"""OpenCV says the same of a damaged frame and of the end; after so many in a row it was the end."""


class OpenCVReader:
    """A capture of OpenCV, its backend named: only then are the timeouts passed at opening obeyed.

    Pictures whose size changes during a connection are brought by OpenCV to the size with which it began; the next
    connection takes the new size over.

    Args:
        source: Anything but a folder.
        options: The timeouts.

    Raises:
        CameraError: When it cannot be opened now.
        SourceEnded: When a file is no video.
    """

    def __init__(self, source: SourceSpec, options: ReadingOptions) -> None:
        self._source = source
        self._timeout_s = options.read_timeout_s
        self._damaged = 0
        self._told = -_SECONDS_BETWEEN_FAULTS
        _quieten()
        self._capture = _open(source, options)

    def read(self) -> Captured | None:
        """Waits for the next picture; damaged ones are passed over, which is told at most every ten seconds."""
        self._tell_damaged()
        began = time.monotonic()
        for passed_over in range(_MOST_DAMAGED + 1):
            bgr = self._next()
            waited = time.monotonic() - began
            # At the timeout FFmpeg hands out what its decoder still held back: a picture as old as the silence.
            if waited >= self._timeout_s:
                raise CameraError(f"{self._source.shown}: no frame for {waited:.1f} s")
            if bgr is not None:
                self._damaged += passed_over
                return Captured(bgr, media_s=self._media_s())
        if self._source.kind is SourceKind.FILE:
            raise SourceEnded(f"{self._source.shown}: the video is over")
        raise CameraError(f"{self._source.shown}: the stream ended or the connection broke")

    def close(self) -> None:
        """Closes the connection."""
        self._capture.release()

    def _next(self) -> npt.NDArray[np.uint8] | None:
        frame: Any = _guarded(lambda: self._capture.read()[1])
        if frame is None or not frame.size:
            return None
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise CameraError(
                f"{self._source.shown}: its pictures are {frame.dtype} of shape {frame.shape}, not three channels "
                "of 8 bits: let a pipeline end in  videoconvert ! video/x-raw, format=BGR ! appsink"
            )
        return np.ascontiguousarray(frame, dtype=np.uint8)

    def _media_s(self) -> float | None:
        if self._source.kind is not SourceKind.FILE:
            return None
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000

    def _tell_damaged(self) -> None:
        now = time.monotonic()
        if not self._damaged or now - self._told < _SECONDS_BETWEEN_FAULTS:
            return
        count, self._damaged, self._told = self._damaged, 0, now
        raise ImageError(self._source.shown, f"{count} damaged frames were passed over")


def check_backend(source: SourceSpec) -> None:
    """Checks that the installed OpenCV can read a kind of source.

    Raises:
        CameraError: When the source needs GStreamer and OpenCV was built without it.
    """
    if source.kind is SourceKind.PIPELINE and not cv2.videoio_registry.hasBackend(_BACKENDS[source.kind]):
        raise CameraError(
            f"{source.shown}: this OpenCV ({cv2.__version__}) was built without GStreamer, as all are that pip "
            "installs: use the system's (JetPack's, or python3-opencv of Debian or Ubuntu) in an environment made "
            "with  python3 -m venv --system-site-packages  and without opencv-python-headless"
        )


def _quieten() -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Debian's OpenCV 4.6 has only the one, the OpenCV 5.0 of pip only the other.
    set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_log_level(_SILENT)


def _open(source: SourceSpec, options: ReadingOptions) -> cv2.VideoCapture:
    parameters = _parameters(source, options)
    began = time.monotonic()
    capture = _guarded(lambda: cv2.VideoCapture(source.address, _BACKENDS[source.kind], parameters))
    if capture is not None and capture.isOpened():
        return capture
    waited = time.monotonic() - began
    if waited >= options.open_timeout_s / 2:
        raise CameraError(f"{source.shown}: it did not open within {waited:.1f} s")
    if source.kind is SourceKind.FILE:
        raise SourceEnded(f"{source.shown}: no video that OpenCV can read")
    raise CameraError(f"{source.shown}: {_UNOPENED[source.kind]}")


def _parameters(source: SourceSpec, options: ReadingOptions) -> list[int]:
    if source.kind in (SourceKind.DEVICE, SourceKind.PIPELINE):
        return []
    timeouts = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * options.open_timeout_s)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * options.read_timeout_s)),
    ]
    if source.kind is SourceKind.STREAM and hasattr(cv2, "CAP_PROP_N_THREADS"):  # not in OpenCV 4.6
        # A decoder of n threads gives every frame n - 1 frames late.
        timeouts += [cv2.CAP_PROP_N_THREADS, 1]
    return timeouts


def _guarded(call: Callable[[], Result]) -> Result | None:
    """Calls into OpenCV; None where it throws, as at some damaged data. Its messages may hold the address."""
    try:
        return call()
    except (cv2.error, MemoryError):
        return None
