"""The routes for other machines: health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from deepbiq.camera.web.answers import Answer


class Health(Protocol):
    """How the watching is; see `deepbiq.camera.health`."""

    def live(self) -> dict[str, Any]:
        """Returns `ok`, and why."""

    def ready(self) -> dict[str, Any]:
        """Returns `ok`, and why."""


class Condition(Answer):
    """Whether all is well; why not, /api/cameras tells those who may know."""

    ok: bool


_UNWELL: dict[int | str, dict[str, Any]] = {503: {"model": Condition, "description": "It is not."}}


def health_routes(health: Health) -> APIRouter:
    """Returns the routes that need no token, and therefore say no more than yes or no."""
    router = APIRouter()

    @router.get("/healthz", response_model=Condition, responses=_UNWELL)
    def healthz() -> Response:
        """Says whether the process works: 503 asks for its restart."""
        return _condition(health.live())

    @router.get("/readyz", response_model=Condition, responses=_UNWELL)
    def readyz() -> Response:
        """Says whether every camera gives fresh results."""
        return _condition(health.ready())

    return router


def metrics_route(metrics: Callable[[], tuple[bytes, str]]) -> APIRouter:
    """Returns the route that Prometheus asks.

    Args:
        metrics: Gives the metrics and their content type.
    """
    router = APIRouter()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics_page() -> Response:
        """Returns the metrics as Prometheus reads them."""
        content, kind = metrics()
        return Response(content, headers={"Content-Type": kind})

    return router


def _condition(state: dict[str, Any]) -> Response:
    return JSONResponse({"ok": state["ok"]}, 200 if state["ok"] else 503)
