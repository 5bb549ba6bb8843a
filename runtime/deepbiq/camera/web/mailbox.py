"""What waits for one client: bounded, and newest only where the client is slower than the cameras."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Protocol

from deepbiq.camera.events import Event, Result

_MOST_CHANGES = 256
"""Changes that wait for one client; at some hundred bytes each, a client costs 200 kB at most."""


class Subscriber(Protocol):
    """Somebody who is told of events, from the loop's thread."""

    def notice(self, event: Event, text: str) -> None:
        """Takes note of an event and of its JSON; returns at once."""

    def close(self) -> None:
        """Says that no event will follow."""


class Bell:
    """Wakes one asyncio task from any thread; several rings before it wakes are one.

    Made inside the event loop that waits.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes the waiting task, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:
            # The server's loop ended between the hub's look at its subscribers and this call: nobody waits.
            return

    async def wait(self) -> None:
        """Waits for a ring since the last wait."""
        await self._rung.wait()
        self._rung.clear()


class FrameBell:
    """Tells one viewer that a camera has a newer frame, the one at the start counted; the hub keeps the frame.

    Args:
        camera: Whose frames.
    """

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._bell = Bell()
        self._bell.ring()
        self._closed = False

    def notice(self, event: Event, text: str) -> None:  # noqa: ARG002 (a viewer looks at the frame)
        """Rings where the event is a result of the camera."""
        if isinstance(event, Result) and event.camera == self._camera:
            self._bell.ring()

    def close(self) -> None:
        """Ends the waiting."""
        self._closed = True
        self._bell.ring()

    async def wait(self) -> bool:
        """Waits for a newer frame; False when none will follow."""
        await self._bell.wait()
        return not self._closed


class Mailbox:
    """The events that wait for one client: every change in order, and the newest unchanged result of each camera.

    A client that does not even take the changes loses the whole box (`overrun`): it has to ask for the state anew.
    """

    def __init__(self) -> None:
        self._bell = Bell()
        self._lock = threading.Lock()
        self._changes: deque[str] = deque()
        self._newest: dict[str, str] = {}
        self.overrun = False
        self.closed = False

    def notice(self, event: Event, text: str) -> None:
        """Puts an event in, in place of what it makes obsolete."""
        with self._lock:
            if self.overrun:
                return
            if isinstance(event, Result) and not event.changed:
                self._newest[event.camera] = text
            else:
                self._add_change(event, text)
        self._bell.ring()

    def close(self) -> None:
        """Says that no event will follow."""
        self.closed = True
        self._bell.ring()

    async def take(self) -> list[str]:
        """Waits for events and empties the box; nothing where the box was closed or overrun."""
        await self._bell.wait()
        with self._lock:
            waiting = [*self._changes, *self._newest.values()]
            self._empty()
        return waiting

    def _add_change(self, event: Event, text: str) -> None:
        if len(self._changes) == _MOST_CHANGES:
            self.overrun = True
            self._empty()
            return
        if isinstance(event, Result):
            # What waits of this camera is older, and must not arrive after the change.
            self._newest.pop(event.camera, None)
        self._changes.append(text)

    def _empty(self) -> None:
        self._changes.clear()
        self._newest.clear()
