"""Reading a request's body no further than it is allowed to go."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepbiq.camera.web.answers import refusal
from deepbiq.camera.web.gate import READING

_SMALL_BYTES = 16 * 1024
_SMALL_S = 10.0
"""For everything that is no picture: a pair of thresholds, a name, a token."""


class SmallBodies:
    """Reads the bodies of requests before their routes see them, so that none of these waits or grows for ever.

    Args:
        app: What lies behind.
        except_path: The one route that takes large bodies and reads them itself.
    """

    def __init__(self, app: ASGIApp, except_path: str) -> None:
        self._app = app
        self._except_path = except_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        if scope["type"] != "http" or scope["path"] == self._except_path or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(Request(scope, receive), _SMALL_BYTES, _SMALL_S)
        except HTTPException as error:
            refused = JSONResponse({"error": error.detail}, error.status_code, error.headers)
            await refused(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def read_body(request: Request, most_bytes: int, within_s: float) -> bytes:
    """Reads a body that may have any size, or never end.

    Args:
        request: Its body was not read yet.
        most_bytes: Largest that is taken; what the headers announce and what arrives are both held to it.
        within_s: Seconds after which the client is too slow.

    Raises:
        HTTPException: 413 or 408; the connection is then closed, so that nobody has to read the rest.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    try:
        return await asyncio.wait_for(_gather(request, most_bytes), within_s)
    except (asyncio.TimeoutError, ClientDisconnect) as error:
        raise refusal(408, f"the body did not arrive within {within_s:g} seconds", Connection="close") from error


async def _gather(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
    return bytes(body)


def _too_large(most_bytes: int) -> Exception:
    return refusal(413, f"the body is larger than {most_bytes} bytes", Connection="close")
