"""The server: uvicorn in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from deepbiq.camera.web.connections import HttpConnection, WebSocketConnection
from deepbiq.errors import OptionError

_START_S = 20.0
_STOP_S = 3
"""Seconds that answers in progress get at the end."""
_MOST_CONNECTIONS = 256
_MOST_MESSAGE = 1024
"""Bytes of a WebSocket message; clients have nothing to say."""


class WebServer:
    """Serves an app until it is closed.

    Args:
        app: Made by `create_app`.
        host: Address to bind to.
        port: 0 takes any free one.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=HttpConnection,
                ws=WebSocketConnection,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=_STOP_S,
                ws_max_size=_MOST_MESSAGE,
                ws_per_message_deflate=False,
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Binds and serves.

        Returns:
            The port.

        Raises:
            OptionError: When the address cannot be bound, or the server does not start.
        """
        listener = _bind(self._host, self._port)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="deepbiq-web", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                raise OptionError("the web server did not start: its log says why")
            time.sleep(0.01)
        port: int = listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Ends gracefully: answers in progress get a few seconds; closing twice is allowed.

        Close the hub first: its streams do not end by themselves.
        """
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise OptionError(f"web.host {host}, web.port {port} cannot be used: {error.strerror or error}") from error
