"""A folder that pictures arrive in.

A picture has arrived when it was closed after writing or moved into the folder, so that no half one is read; a hard
link is not noticed, and on network file systems only what this machine writes itself. When a folder that was away
comes back, what was written or moved into it since it was lost counts as arrived. Names that begin with a dot, and
endings that are no picture's, are left alone: programs write their temporary files so.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

from deepbiq.camera.readers import Captured, ReadingOptions
from deepbiq.camera.sources import SourceSpec
from deepbiq.errors import CameraError, ImageError
from deepbiq.imaging import PICTURE_ENDINGS, decode_bytes, read_bytes

MAX_WAITING = 10_000
"""Most pictures that wait to be read; further ones are not scored, which each is reported for."""

_LOOK_S = 0.2


class FolderReader:
    """Pictures in the order in which they arrived, each once; those that were there before are not looked at.

    Args:
        source: The folder.
        options: The limits of decoding.
        lost_at: When the folder was lost, in Unix seconds; None at the first time.

    Raises:
        CameraError: When the folder is not there or cannot be watched.
    """

    def __init__(self, source: SourceSpec, options: ReadingOptions, lost_at: float | None) -> None:
        self._source = source
        self._options = options
        self._identity = _identity(source)
        self._arrivals = Arrivals()
        self._observer = _observe(source, self._arrivals)
        if lost_at is not None:
            self._catch_up(lost_at)

    def read(self) -> Captured | None:
        """Waits a moment for a picture."""
        path = self._arrivals.next(_LOOK_S)
        if path is None:
            if _identity(self._source) != self._identity:
                raise CameraError(f"{self._source.shown}: another folder took its place")
            return None
        data = read_bytes(path, self._options.limits)
        picture = decode_bytes(
            data, name=path, limits=self._options.limits, min_short_side=self._options.min_short_side
        )
        return Captured(picture.bgr, path=path)

    def _catch_up(self, lost_at: float) -> None:
        try:
            missed = _changed_since(self._source, lost_at)
        except CameraError:
            self.close()
            raise
        for path in missed:
            self._arrivals.add(path)

    def close(self) -> None:
        """Ends the watching."""
        self._observer.stop()
        self._observer.join()


class Arrivals(FileSystemEventHandler):
    """The pictures that arrived and were not read yet; filled by watchdog's thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # A dict, because a picture that is written twice before it is read is one.
        self._paths: dict[str, None] = {}
        self._refused: deque[str] = deque()

    def on_closed(self, event: FileSystemEvent) -> None:
        """A file was closed after writing."""
        self.add(os.fsdecode(event.src_path))

    def on_moved(self, event: FileSystemEvent) -> None:
        """A file was moved into the folder, inside it, or out of it; the end that lies outside is empty."""
        with self._changed:
            self._paths.pop(os.fsdecode(event.src_path or ""), None)
        if event.dest_path:
            self.add(os.fsdecode(event.dest_path))

    def next(self, timeout_s: float) -> str | None:
        """Waits for the next picture.

        Raises:
            ImageError: For each that arrived while too many were waiting.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._paths or self._refused, timeout_s)
            if self._refused:
                raise ImageError(
                    self._refused.popleft(), f"not scored: {MAX_WAITING} pictures were waiting already"
                )
            path = next(iter(self._paths), None)
            if path is not None:
                del self._paths[path]
            return path

    def add(self, path: str) -> None:
        """Notes an arrival, where the name is a picture's."""
        name = Path(path).name
        if name.startswith(".") or not name.lower().endswith(PICTURE_ENDINGS):
            return
        with self._changed:
            if path in self._paths or len(self._paths) < MAX_WAITING:
                self._paths[path] = None
            else:
                self._refused.append(path)
            self._changed.notify_all()


def _identity(source: SourceSpec) -> tuple[int, int]:
    try:
        status = Path(source.address).stat()
    except OSError as error:
        raise CameraError(f"{source.shown}: the folder cannot be reached: {error.strerror}") from error
    return status.st_dev, status.st_ino


def _changed_since(source: SourceSpec, moment: float) -> list[str]:
    try:
        with os.scandir(source.address) as entries:
            changed = [(entry.stat().st_ctime, entry.path) for entry in entries if entry.is_file()]
    except OSError as error:
        raise CameraError(f"{source.shown}: the folder cannot be read: {error.strerror}") from error
    return [path for when, path in sorted(changed) if when >= moment]


def _observe(source: SourceSpec, arrivals: Arrivals) -> InotifyObserver:
    try:
        # Full events tell a file moved in from one that was only begun.
        observer = InotifyObserver(generate_full_events=True)
    except OSError as error:
        raise _unwatchable(source, error) from error
    try:
        observer.schedule(arrivals, source.address, event_filter=[FileClosedEvent, FileMovedEvent])
        observer.start()
    except OSError as error:
        observer.stop()
        raise _unwatchable(source, error) from error
    return observer


def _unwatchable(source: SourceSpec, error: OSError) -> CameraError:
    return CameraError(
        f"{source.shown}: the folder cannot be watched: {error.strerror}; where it is a limit, raise the sysctl "
        "fs.inotify.max_user_instances or fs.inotify.max_user_watches"
    )
