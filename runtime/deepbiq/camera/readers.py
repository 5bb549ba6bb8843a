"""What capture needs of a source: to be opened, to be read picture by picture, to be closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepbiq.camera.sources import SourceKind, SourceSpec
from deepbiq.imaging import Limits


@dataclass(frozen=True)
class ReadingOptions:
    """How a source is read.

    Attributes:
        open_timeout_s: Seconds within which it must open.
        read_timeout_s: Seconds within which the next picture must come; folders may be silent for as long as they
            like.
        limits: For pictures of a folder.
        min_short_side: JPEGs of a folder are decoded at 1/2, 1/4 or 1/8 of their size, whichever is smallest with
            a short side of at least so many pixels; None decodes them at full size.
    """

    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    limits: Limits = field(default_factory=Limits)
    min_short_side: int | None = None


@dataclass(frozen=True, eq=False)
class Captured:
    """One picture of a source.

    Attributes:
        bgr: (H, W, 3) uint8, BGR, C-contiguous, nobody else's.
        path: The file, where the source is a folder.
        media_s: Seconds since the start of the file, where the source is a video file.
    """

    bgr: npt.NDArray[np.uint8]
    path: str | None = None
    media_s: float | None = None


class SourceEnded(Exception):  # noqa: N818 (no error: a video file is over)
    """There will be no more pictures, and trying again would not change that."""


class Reader(Protocol):
    """An open source. It is opened, read and closed by one thread."""

    def read(self) -> Captured | None:
        """Waits for the next picture.

        Returns:
            The picture; None where there is none yet and the source is well.

        Raises:
            CameraError: When the source was lost. The message shows no credentials, here and below.
            ImageError: When this picture is damaged; the next one may be good.
            SourceEnded: When there are no more pictures.
        """

    def close(self) -> None:
        """Lets go of threads, sockets and files."""


def check_readable(source: SourceSpec) -> None:
    """Checks that this installation can read the kind of source at all; does not open it.

    Raises:
        CameraError: When it cannot; the message says what to install.
    """
    if source.kind is not SourceKind.FOLDER:
        from deepbiq.camera.opencv_reader import check_backend

        check_backend(source)


def open_reader(source: SourceSpec, options: ReadingOptions, lost_at: float | None) -> Reader:
    """Opens a source by the means of its kind.

    Args:
        source: The source.
        options: How to read it.
        lost_at: When it was lost, in Unix seconds; None at the first time. A folder also gives what arrived since.

    Raises:
        CameraError: When it cannot be opened now.
        SourceEnded: When it never can: a file that is no video.
    """
    if source.kind is SourceKind.FOLDER:
        from deepbiq.camera.folder_reader import FolderReader

        return FolderReader(source, options, lost_at)
    from deepbiq.camera.opencv_reader import OpenCVReader

    return OpenCVReader(source, options)
