"""A bound on the bytes of kept pictures: the oldest make room for new ones."""

from __future__ import annotations

from pathlib import Path

from deepbiq.camera.kept_files import kept_pictures, sidecar_of, size_of
from deepbiq.errors import OptionError


class Quota:
    """Keeps this program's pictures in a folder within a number of bytes.

    Other files are neither counted nor touched. The folder is listed once; when a picture turns out to have been
    taken away by somebody else it is listed again.

    Args:
        folder: Where the pictures lie.
        most: Bytes of all pictures and sidecars together.

    Raises:
        OSError: When the folder cannot be listed.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._sizes = dict(kept_pictures(folder))

    def make_room(self, needed: int) -> None:
        """Takes the oldest pictures away until there is room for so many bytes.

        Raises:
            OptionError: When the quota is smaller than that; nothing is taken away then.
            OSError: When a picture cannot be taken away.
        """
        if needed > self._most:
            raise OptionError(
                f"a picture of {needed / 1e6:.2f} MB does not fit into quota_mb = {self._most / 1e6:g}: raise it"
            )
        while sum(self._sizes.values()) + needed > self._most:
            oldest = next(iter(self._sizes))
            if oldest.exists():
                self._take_away(oldest)
            else:
                self._sizes = dict(kept_pictures(self._folder))

    def count(self, picture: Path) -> None:
        """Counts a picture that was just written, as the newest."""
        self._sizes[picture] = size_of(picture)

    def _take_away(self, picture: Path) -> None:
        # The picture first: a sidecar alone is harmless, a picture alone would never be recognised again.
        picture.unlink()
        sidecar_of(picture).unlink(missing_ok=True)
        del self._sizes[picture]
