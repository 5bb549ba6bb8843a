"""POST /score: a picture in, the JSON of `deepbiq score` out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from deepbiq.camera.web.answers import ScoreAnswer, faults, refusal
from deepbiq.camera.web.body import read_body
from deepbiq.camera.web.gate import address_of
from deepbiq.camera.web.limits import RateLimit
from deepbiq.errors import EngineError, ImageError
from deepbiq.result import Score

SCORE_PATH = "/score"
_WAIT_S = 5.0
"""Seconds that a picture waits for its turn before it is sent away."""
_MOST_WAITING = 4
"""Pictures in memory at once, the one in work included."""
_UPLOAD_S = 30.0
_RAW = "application/octet-stream"


class ScoringDesk:
    """Scores one upload at a time, beside the cameras; a few more may wait.

    Args:
        scorer: Takes the bytes of a file; called in one thread at a time, beside the cameras.
        most_bytes: Largest upload.
    """

    def __init__(self, scorer: Callable[[bytes], Score], most_bytes: int) -> None:
        self._scorer = scorer
        self._most_bytes = most_bytes
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "deepbiq-web-score")

    async def score(self, request: Request) -> dict[str, Any]:
        """Reads a picture and scores it; refuses with 4xx for its faults, with 503 where too many wait."""
        if self._waiting == _MOST_WAITING:
            raise _busy()
        self._waiting += 1
        try:
            return await self._score(await read_body(request, self._most_bytes, _UPLOAD_S))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the worker."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _score(self, picture: bytes) -> dict[str, Any]:
        try:
            await asyncio.wait_for(self._turn.acquire(), _WAIT_S)
        except asyncio.TimeoutError as error:
            raise _busy() from error
        try:
            loop = asyncio.get_running_loop()
            return (await loop.run_in_executor(self._worker, self._scorer, picture)).to_dict()
        except ImageError as error:
            raise refusal(422, f"the picture cannot be scored: {error.fault}") from error
        except EngineError as error:
            raise refusal(503, f"the engine failed: {error}", Retry_After=str(int(_WAIT_S))) from error
        finally:
            self._turn.release()


def scoring_routes(desk: ScoringDesk, rate: RateLimit) -> APIRouter:
    """Returns the route."""
    router = APIRouter()

    @router.post(
        SCORE_PATH,
        response_model=ScoreAnswer,
        responses=faults(
            {
                408: "The body arrived too slowly.",
                413: "The body is too large.",
                415: "The body is neither image/* nor application/octet-stream.",
                422: "The bytes are no picture that can be scored.",
                429: "Too many requests.",
                503: "Too many pictures wait.",
            }
        ),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", _RAW)},
            }
        },
    )
    async def score(request: Request) -> dict[str, Any]:
        """Scores a picture sent as the raw bytes of its file."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _RAW and not kind.startswith("image/"):
            raise refusal(415, f"send the picture's bytes as image/* or {_RAW}, got {kind or 'no content type'}")
        wait_s = rate.take(address_of(request))
        if wait_s:
            raise refusal(429, "too many requests (web.requests_per_minute)", Retry_After=str(wait_s))
        return await desk.score(request)

    return router


def _busy() -> Exception:
    return refusal(503, "other pictures are being scored: try again later", Retry_After=str(int(_WAIT_S)))
