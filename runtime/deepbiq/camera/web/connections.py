"""Connections that do not wait for ever: neither for a request's head, nor for a client that stopped reading."""

from __future__ import annotations

import asyncio
import socket
import struct

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S = 10.0
"""Seconds within which the head of a request must be complete."""
STALL_S = 30.0
"""Seconds after which a client that takes nothing of what is sent to it is cut off."""
_SEND_BUFFER = 128 * 1024
"""Bytes that the kernel may hold for a client. It would grow to megabytes by itself, which is seconds of old
pictures for a slow client."""


class _CutsOffStalled(asyncio.Protocol):
    """What both protocols of uvicorn lack: a connection whose client takes nothing for too long is cut off."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._forget_stall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Starts the clock of a client that does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_S, _reset, self.transport)

    def resume_writing(self) -> None:
        """Stops it."""
        super().resume_writing()
        self._forget_stall()

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def _reset(transport: asyncio.Transport) -> None:
    # Without it the kernel would go on offering what it still holds for a quarter of an hour.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class HttpConnection(_CutsOffStalled, H11Protocol):
    """uvicorn's HTTP/1.1 with deadlines."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the clock of the first head."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Takes what arrived; a head that is begun has to end."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks."""
        self._forget_head()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_S, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class WebSocketConnection(_CutsOffStalled, WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with a deadline for clients that do not read: its own ping waits for a flush."""
