"""A camera: its newest frame is kept, it is found again when it was lost, and a hanging read stops nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from deepbiq.camera.backoff import STABLE_S, Backoff
from deepbiq.camera.connection import Connection, Ending
from deepbiq.camera.events import CameraState, Fault, State
from deepbiq.camera.newest import FrameBoard
from deepbiq.camera.readers import ReadingOptions, check_readable
from deepbiq.camera.sources import SourceKind, SourceSpec

GRACE_S = 1.0
"""Beyond a timeout, for the library that was told of it to return by itself, before its thread is abandoned."""

MAX_ABANDONED = 8
"""Most threads of one camera that may hang at the same time; until one returns there is no further attempt."""

_LOOK_S = 0.5


class Camera:
    """One source, supervised.

    A stream, a device, a pipeline and a video file keep only their newest frame; the board counts as dropped what
    nobody took. A folder drops nothing: it waits with the next picture until the one before it was taken, and at
    most `folder_reader.MAX_WAITING` names of pictures wait with it.

    A supervising thread starts an attempt in a thread of its own (`Connection`), watches over it and starts the
    next one, for ever. A call that has not returned `GRACE_S` after its timeout is abandoned: its thread is left to
    itself, what it still brings is ignored, and it lets go of its source if it ever returns.

    Args:
        name: The camera's name.
        source: What to watch.
        board: Where its frames go.
        on_event: Takes a `CameraState` at every change and a `Fault` for damaged pictures; called from the
            supervising thread, returns at once and raises nothing.
        options: Timeouts and limits.
    """

    def __init__(
        self,
        name: str,
        source: SourceSpec,
        board: FrameBoard,
        on_event: Callable[[CameraState | Fault], None],
        options: ReadingOptions,
    ) -> None:
        self.name = name
        self.source = source
        self._place = board.add(name)
        self._deliver = self._place.put_when_free if source.kind is SourceKind.FOLDER else self._place.put
        self._on_event = on_event
        self._options = options
        # S311: jitter needs no secrets
        self._backoff = Backoff(random.Random())  # noqa: S311
        self._attention = threading.Condition()
        self._stopping = False
        self._connections: list[Connection] = []
        self._told = CameraState(name, State.OPENING, time.time())
        self._lost_at: float | None = None
        self._thread = threading.Thread(target=self._supervise, name=f"deepbiq-supervise-{name}", daemon=True)

    @property
    def state(self) -> State:
        """What it does now."""
        return self._told.state

    @property
    def reconnects(self) -> int:
        """How often it came back since the start."""
        return self._told.reconnects

    @property
    def age_s(self) -> float | None:
        """Seconds since its newest frame came, taken or not; None before the first."""
        captured = self._place.captured
        return None if captured is None else time.monotonic() - captured

    @property
    def hanging(self) -> int:
        """Threads that were abandoned and have not returned yet."""
        return sum(connection.given_up.is_set() for connection in self._running())

    def start(self) -> None:
        """Begins; frames and events come from now on.

        Raises:
            CameraError: When this installation can never read the source; nothing else is fatal.
        """
        check_readable(self.source)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begins to stop, without waiting: of several cameras ask all before you `stop` each."""
        with self._attention:
            self._stopping = True
            self._attention.notify_all()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Stops and waits for it; stopping twice is allowed.

        Returns:
            Whether every thread has ended. One that hangs in a read may not have after `timeout_s` seconds; it ends
            with the process, or when it returns.
        """
        deadline = time.monotonic() + timeout_s
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        for connection in self._running():
            connection.thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive() and not self._running()

    def _supervise(self) -> None:
        self._on_event(self._told)
        while not self._stopping:
            if self.hanging < MAX_ABANDONED:
                ending = self._attend(self._connect())
                if ending is None:
                    return
                self._tell(ending.state, ending.detail)
                if ending.state is State.ENDED:
                    return
            self._wait(self._backoff.next_wait())

    def _connect(self) -> Connection:
        connection = Connection(
            self.name, self.source, self._options, self._lost_at, self._deliver, self._attention
        )
        self._connections = [*self._running(), connection]
        connection.thread.start()
        return connection

    def _attend(self, connection: Connection) -> Ending | None:
        """Passes on what a connection says until it ends, hangs, or the camera is stopped (None)."""
        while True:
            with self._attention:
                if not self._stopping and connection.ending is None:
                    self._attention.wait(_LOOK_S)
                stopping, ending, live_since = self._stopping, connection.ending, connection.live_since
                faults = connection.take_faults()
            self._pass_on(live_since, faults)
            if ending is not None:
                return ending
            if stopping:
                self._place.give_up(connection.given_up)
                return None
            if connection.overdue_s() > GRACE_S:
                self._place.give_up(connection.given_up)
                return Ending(State.LOST, f"{self.source.shown}: it hangs: no answer within the timeout")

    def _pass_on(self, live_since: float | None, faults: list[str]) -> None:
        if live_since is not None:
            if self._told.state is not State.LIVE:
                self._tell(State.LIVE, "")
            if time.monotonic() - live_since >= STABLE_S:
                self._backoff.reset()
        for fault in faults:
            self._on_event(Fault(self.name, fault, time.time()))

    def _tell(self, state: State, detail: str) -> None:
        if (state, detail) == (self._told.state, self._told.detail):
            return
        now = time.time()
        back = state is State.LIVE and self._lost_at is not None
        if self._told.state is State.LIVE:
            self._lost_at = now
        self._told = CameraState(self.name, state, now, detail, self._told.reconnects + back)
        self._on_event(self._told)

    def _wait(self, seconds: float) -> None:
        with self._attention:
            self._attention.wait_for(lambda: self._stopping, seconds)

    def _running(self) -> list[Connection]:
        return [connection for connection in self._connections if connection.thread.is_alive()]
