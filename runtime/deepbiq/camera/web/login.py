"""The login: a token typed once becomes a session cookie, so that no address and no log ever holds it."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import Request

from deepbiq.camera.web.auth import SESSION_S, Sessions
from deepbiq.camera.web.gate import COOKIE, address_of, check_guess
from deepbiq.camera.web.limits import RateLimit
from deepbiq.camera.web.page import static_file

_FAULT = "<!-- fault -->"
# With `no-referrer` browsers send a form's Origin as `null`, which the gate refuses.
_REFERRER = {"Referrer-Policy": "same-origin"}


def login_routes(sessions: Sessions, guesses: RateLimit) -> APIRouter:
    """Returns the routes of the login; they are no part of the OpenAPI description."""
    router = APIRouter(include_in_schema=False)
    form = static_file("login.html").decode()

    @router.get("/login")
    async def login_form() -> Response:
        return HTMLResponse(form, headers=_REFERRER)

    @router.post("/login")
    async def login(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("latin-1"))
        token = fields.get("token", [""])[0].strip()
        fault = check_guess(token, sessions, guesses, address_of(request))
        if fault is None:
            return _begin_session(sessions)
        words = "Too many wrong tokens. Wait a minute." if fault.status_code == 429 else "The token is wrong."
        headers = {"Retry-After": fault.headers["Retry-After"]} if fault.status_code == 429 else {}
        return HTMLResponse(form.replace(_FAULT, words), fault.status_code, {**_REFERRER, **headers})

    return router


def _begin_session(sessions: Sessions) -> Response:
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(COOKIE, sessions.begin(), max_age=SESSION_S, httponly=True, samesite="strict")
    return response
