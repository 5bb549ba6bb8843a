"""Things that are closed once they have done their work: `with` does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

Own = TypeVar("Own", bound="Closable")


class Closable(ABC):
    """Something that holds what must be given back; as a context manager it closes itself at its end."""

    @abstractmethod
    def close(self) -> None:
        """Gives everything back; closing twice is allowed."""

    def __enter__(self: Own) -> Own:  # Self comes with Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
