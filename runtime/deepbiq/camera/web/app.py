"""The service: routes and guards put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deepbiq import __version__
from deepbiq.camera.config import WebSection
from deepbiq.camera.web.answers import faults
from deepbiq.camera.web.auth import Sessions, check_open_to
from deepbiq.camera.web.body import SmallBodies
from deepbiq.camera.web.cameras import best_routes, camera_routes
from deepbiq.camera.web.controls import Controls
from deepbiq.camera.web.gate import Gate
from deepbiq.camera.web.headers import SecurityHeaders
from deepbiq.camera.web.hub import WebHub
from deepbiq.camera.web.limits import RateLimit
from deepbiq.camera.web.live import picture_routes, stream_routes
from deepbiq.camera.web.login import login_routes
from deepbiq.camera.web.page import page_routes
from deepbiq.camera.web.scoring import SCORE_PATH, ScoringDesk, scoring_routes
from deepbiq.camera.web.service import Health, health_routes, metrics_route
from deepbiq.result import Score
from deepbiq.setting import Setting

_GUESSES_PER_MINUTE = 5
_FOREIGN = {403: "The request names another host, or comes from another site's page."}
_UNKNOWN = {401: "The token is missing or wrong.", 429: "Too many wrong tokens, or too many requests."}


def create_app(
    hub: WebHub,
    config: WebSection,
    scorer: Callable[[bytes], Score],
    setting: Setting,
    controls: Controls,
    *,
    token: str | None,
    metrics: Callable[[], tuple[bytes, str]] | None,
    health: Health | None,
) -> FastAPI:
    """Puts the service together.

    Args:
        hub: What it shows; the loop's events arrive there.
        config: Its limits.
        scorer: Scores uploads.
        setting: The scorer's: scale and stride of its quality maps.
        controls: What it may change.
        token: What clients must know; None, on loopback only, for nothing.
        metrics: Gives metrics and their content type; without it there is no /metrics.
        health: Without it there is no /healthz and no /readyz.

    Raises:
        OptionError: When other machines can reach the address and there is no token.
    """
    check_open_to(config.host, token)
    desk = ScoringDesk(scorer, int(config.max_upload_mb * 1_000_000))
    rate = RateLimit(config.requests_per_minute)
    app = FastAPI(
        title="deepbiq watch",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_closing(desk),
        exception_handlers={HTTPException: _say_refusal, RequestValidationError: _say_invalid},
    )
    app.include_router(page_routes())
    for router in (
        camera_routes(hub, controls, rate),
        best_routes(hub),
        picture_routes(hub, setting),
        stream_routes(hub),
        scoring_routes(desk, rate),
        *([] if metrics is None else [metrics_route(metrics)]),
    ):
        app.include_router(router, **_described_guards(token))
    if health is not None:
        app.include_router(health_routes(health), responses=faults(_FOREIGN))
    _guard(app, config, token)
    return app


def _guard(app: FastAPI, config: WebSection, token: str | None) -> None:
    guesses = RateLimit(_GUESSES_PER_MINUTE)
    sessions = None if token is None else Sessions(token)
    if sessions is not None:
        app.include_router(login_routes(sessions, guesses))
    # What is added last is asked first.
    app.add_middleware(SmallBodies, except_path=SCORE_PATH)
    app.add_middleware(Gate, host=config.host, sessions=sessions, guesses=guesses)
    app.add_middleware(SecurityHeaders)


def _described_guards(token: str | None) -> dict[str, Any]:
    """Describes for OpenAPI what the gate does; it has done it before a route is asked."""
    if token is None:
        return {"responses": faults(_FOREIGN)}
    scheme = HTTPBearer(auto_error=False, description="The token of web.token_file, or the page's session.")
    return {"responses": faults(_FOREIGN | _UNKNOWN), "dependencies": [Depends(scheme)]}


def _closing(desk: ScoringDesk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 (FastAPI passes itself)
        try:
            yield
        finally:
            desk.close()

    return lifespan


async def _say_refusal(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (handlers get both)
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _say_invalid(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (handlers get both)
    assert isinstance(error, RequestValidationError)
    words = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return JSONResponse({"error": words}, 422)
