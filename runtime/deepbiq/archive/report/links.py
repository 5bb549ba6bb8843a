"""Where a browser finds a file."""

from __future__ import annotations

import os
from urllib.parse import quote


def href_of(path: str) -> str | None:
    """Makes the address of a picture, percent-encoded from the exact bytes of its name.

    Args:
        path: As in `Listed`.

    Returns:
        A `file:` URL of a local file, the URL itself where a browser can open it, None elsewhere (`s3:`, `gs:`).
    """
    if path.startswith("/"):
        return f"file://{quote(os.fsencode(path))}"
    return path if path.startswith(("http://", "https://")) else None
