"""When ratings cannot give a better head."""

from __future__ import annotations

from deepbiq.errors import DeepBIQError


class RefusalError(DeepBIQError):
    """The ratings do not support a new head; the message says which figure failed."""
