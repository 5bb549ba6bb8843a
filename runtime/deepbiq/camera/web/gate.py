"""The gate in front of every route: which host names, which origins, which tokens."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deepbiq.camera.web.auth import Sessions
from deepbiq.camera.web.limits import RateLimit

COOKIE = "deepbiq_session"
_LOGIN = "/login"
_OPEN_PATHS = frozenset({_LOGIN, "/healthz", "/readyz", "/static/login.css", "/static/icon.svg"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_LOGGER = logging.getLogger("deepbiq.camera.web")


class Gate:
    """Refuses what must not reach a route.

    Where a token is set, it or a session is needed for everything but the health end points and the login. Where
    none is set, the service is bound to loopback, and the Host header has to name it: another name is a foreign
    page that had its own name resolved to this machine (DNS rebinding). A browser's request that changes something
    or opens a WebSocket has to come from the service's own page.

    Args:
        app: What lies behind.
        host: The configured address.
        sessions: None where no token is set.
        guesses: Wrong tokens that an address may try.
    """

    def __init__(self, app: ASGIApp, host: str, sessions: Sessions | None, guesses: RateLimit) -> None:
        self._app = app
        self._names = _LOOPBACK_NAMES | {host.lower()}
        self._sessions = sessions
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = self._refusal(connection)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            _note_refusal(connection)
            await send({"type": "websocket.close", "code": 1008})
        else:
            _note_refusal(connection)
            await refusal(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        if self._sessions is None and _name_of(connection.headers.get("host", "")) not in self._names:
            return _refuse(403, "the Host header names another machine: open the page as localhost")
        if _changes(connection.scope) and _is_foreign(connection.headers):
            return _refuse(403, "the request comes from another site's page (Origin header)")
        if self._sessions is None or connection.scope["path"] in _OPEN_PATHS:
            return None
        return self._unauthorised(connection, self._sessions)

    def _unauthorised(self, connection: HTTPConnection, sessions: Sessions) -> Response | None:
        if sessions.is_session(connection.cookies.get(COOKIE, "")):
            return None
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return check_guess(token.strip(), sessions, self._guesses, address_of(connection))
        if connection.scope["path"] == "/":
            return RedirectResponse(_LOGIN, status_code=303)
        return _unauthorised("a token is needed: send it as  Authorization: Bearer TOKEN, or log in on the page")


def check_guess(token: str, sessions: Sessions, guesses: RateLimit, address: str) -> Response | None:
    """Checks a token that somebody sent, as often as an address may be wrong.

    Returns:
        None where it is right, otherwise the refusal.
    """
    wait_s = guesses.wait_s(address)
    if wait_s:
        return _refuse(429, "too many wrong tokens: wait", {"Retry-After": str(wait_s)})
    if sessions.is_token(token):
        return None
    guesses.take(address)
    return _unauthorised("the token is wrong")


def address_of(connection: HTTPConnection) -> str:
    """Returns the client's address; empty where the transport has none."""
    return "" if connection.client is None else connection.client.host


def _note_refusal(connection: HTTPConnection) -> None:
    _LOGGER.debug("refused %s from %s", connection.scope["path"][:200], address_of(connection))


def _unauthorised(fault: str) -> Response:
    return _refuse(401, fault, {"WWW-Authenticate": "Bearer"})


def _refuse(status: int, fault: str, headers: dict[str, str] | None = None) -> Response:
    # The request's body may be of any size and was not read: only closing keeps it from being drained.
    return JSONResponse({"error": fault}, status, {"Connection": "close", **(headers or {})})


def _changes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in READING


def _is_foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        # No browser: every one sends it with what changes something.
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _name_of(host: str) -> str:
    """Returns the name in a Host header, without its port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
