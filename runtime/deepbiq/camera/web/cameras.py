"""The routes about cameras: what they do, what they did, their thresholds and their best frames."""

from __future__ import annotations

import time
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from deepbiq.camera.web.answers import (
    NO_JSON,
    Best,
    Camera,
    CameraName,
    Cameras,
    History,
    Thresholds,
    Trigger,
    faults,
    refusal,
)
from deepbiq.camera.web.controls import Controls
from deepbiq.camera.web.gate import address_of
from deepbiq.camera.web.hub import CameraView, WebHub
from deepbiq.camera.web.limits import RateLimit
from deepbiq.errors import OptionError

NO_CAMERA = "There is no such camera."


def camera_routes(hub: WebHub, controls: Controls, rate: RateLimit) -> APIRouter:
    """Returns the routes of states, histories, thresholds and triggers."""
    router = APIRouter(prefix="/api")

    @router.get("/cameras")
    def cameras() -> Cameras:
        """Says what every camera does, its newest result, and the last faults."""
        return Cameras(
            cameras=[_camera(view, controls) for view in hub.cameras()],
            faults=[fault.describe() for fault in hub.faults()],
        )

    @router.get("/cameras/{name}/history", responses=faults({404: NO_CAMERA}))
    def history(name: CameraName) -> History:
        """Lists a camera's scores of the last seconds."""
        known(hub, name)
        now, points = time.monotonic(), hub.history(name)
        return History(
            span_s=hub.history_s,
            age_s=[round(now - point.captured, 3) for point in points],
            score=[round(point.score, 2) for point in points],
            smoothed=[round(point.smoothed, 2) for point in points],
            verdict=[point.verdict.value for point in points],
        )

    @router.put(
        "/cameras/{name}/thresholds",
        responses=faults(
            NO_JSON | {404: NO_CAMERA, 409: "The thresholds contradict each other.", 422: "They are no thresholds."}
        ),
    )
    def set_thresholds(name: CameraName, thresholds: Thresholds) -> Thresholds:
        """Changes a camera's thresholds from its next frame on; they last until the process ends."""
        known(hub, name)
        try:
            controls.set_thresholds(name, thresholds.accept, thresholds.reject)
        except OptionError as error:
            raise refusal(409, str(error)) from error
        return _thresholds(name, controls)

    @router.post(
        "/trigger",
        status_code=202,
        responses=faults(
            NO_JSON | {409: "Nothing can be kept.", 422: "That is no name of a trigger.", 429: "Too many requests."}
        ),
    )
    async def trigger(trigger: Trigger, request: Request) -> Trigger:
        """Has the best frames around this moment kept; where there are none, an event `fault` says why."""
        wait_s = rate.take(address_of(request))
        if wait_s:
            raise refusal(429, "too many requests (web.requests_per_minute)", Retry_After=str(wait_s))
        try:
            controls.trigger(trigger.name)
        except OptionError as error:
            raise refusal(409, str(error)) from error
        return trigger

    return router


def best_routes(hub: WebHub) -> APIRouter:
    """Returns the routes of the best frames."""
    router = APIRouter(prefix="/api")

    @router.get("/best")
    def best() -> list[Best]:
        """Lists the last best frames that were kept, newest first."""
        return [
            Best(
                id=identity,
                camera=kept.camera,
                score=round(kept.score, 2),
                captured_at=kept.captured_at,
                reason=kept.reason,
            )
            for identity, kept in hub.kept().items()
        ]

    @router.get(
        "/best/{identity}/picture",
        response_class=Response,
        responses={
            200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
            **faults({404: "There is no such picture, or not any more."}),
        },
    )
    def picture(identity: str) -> Response:
        """Returns a best frame, as it was kept."""
        return Response(_kept_bytes(hub.kept_file(identity)), media_type="image/jpeg")

    return router


def known(hub: WebHub, name: str) -> CameraView:
    """Returns a camera's view; refuses with 404 where it was never heard of."""
    view = hub.camera(name)
    if view is None:
        raise refusal(404, "there is no such camera: GET /api/cameras lists them")
    return view


def _kept_bytes(file: Path | None) -> bytes:
    if file is None:
        raise refusal(404, "there is no such picture: GET /api/best lists them")
    try:
        return file.read_bytes()
    except OSError as error:
        raise refusal(404, "the picture is not there any more: newer ones took its place") from error


def _camera(view: CameraView, controls: Controls) -> Camera:
    age_s = view.age_s()
    return Camera(
        name=view.name,
        state=None if view.state is None else view.state.describe(),
        result=None if view.result is None else view.result.describe(),
        age_s=None if age_s is None else round(age_s, 3),
        drift=None if view.drift is None else view.drift.describe(),
        thresholds=_thresholds(view.name, controls),
    )


def _thresholds(name: str, controls: Controls) -> Thresholds:
    accept, reject = controls.thresholds(name)
    return Thresholds(accept=accept, reject=reject)
