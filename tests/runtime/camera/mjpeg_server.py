"""An HTTP server with a stream of JPEGs that stalls, ends, sends rubbish and comes back as it is told."""

from __future__ import annotations

import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BOUNDARY = "frame"


class MjpegServer:
    """Serves http://127.0.0.1:PORT/stream to any number of clients while it is started.

    Attributes:
        size: (width, height) of the pictures.
        stalled: While set, connections stay open and nothing is sent.
        damaged: While set, the inside of every second JPEG is overwritten.
    """

    def __init__(self, fps: float = 20) -> None:
        self.fps = fps
        self.size = (160, 120)
        self.stalled = threading.Event()
        self.damaged = threading.Event()
        self.requests: list[str] = []
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    def address(self, credentials: str = "", query: str = "") -> str:
        return f"http://{credentials}127.0.0.1:{self.port}/stream{query}"

    def start(self) -> None:
        self._cut = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), self._make_handler(self._cut))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="mjpeg").start()

    def stop(self) -> None:
        """Ends every stream and refuses new clients, until it is started again on the same port."""
        if self._server is not None:
            self._cut.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _make_handler(self, cut: threading.Event) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                try:
                    outer._send_pictures(self.wfile, cut)
                except OSError:
                    self.close_connection = True

            def log_message(self, *arguments):
                pass

        return Handler

    def _send_pictures(self, client, cut: threading.Event) -> None:
        number = 0
        while not cut.is_set():
            if self.stalled.is_set():
                cut.wait(0.02)
                continue
            data = jpeg(*self.size, number % 100)
            if self.damaged.is_set() and number % 2:
                data = data[:200] + bytes(len(data) - 200)
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            client.write(head.encode() + data + b"\r\n")
            number += 1
            cut.wait(1 / self.fps)


class _Server(ThreadingHTTPServer):
    # Closing waits for the clients' threads, so that none is left over.
    daemon_threads = False
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a client that went away


@cache
def jpeg(width: int, height: int, number: int) -> bytes:
    picture = np.full((height, width, 3), 2 * number + 20, np.uint8)
    cv2.putText(picture, str(number), (10, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255))
    return cv2.imencode(".jpg", picture)[1].tobytes()
