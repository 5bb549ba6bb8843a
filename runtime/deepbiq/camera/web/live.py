"""The routes that live: pictures, streams of them, quality maps, and the WebSocket of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from anyio import create_task_group
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from deepbiq.camera.web.answers import CameraName, faults, refusal
from deepbiq.camera.web.cameras import NO_CAMERA, known
from deepbiq.camera.web.hub import LivePicture, TooManySubscribersError, WebHub
from deepbiq.camera.web.mailbox import FrameBell, Mailbox
from deepbiq.camera.web.pictures import map_png
from deepbiq.setting import Setting

_BOUNDARY = "deepbiq-frame"
_GOING_AWAY, _TRY_AGAIN_LATER = 1001, 1013
"""Codes of RFC 6455, section 7.4.1, and of its registry."""
_NO_FRAME = "There is no such camera, or it has not shown anything yet."


def picture_routes(hub: WebHub, setting: Setting) -> APIRouter:
    """Returns the routes of single pictures.

    Args:
        hub: What is shown.
        setting: The scorer's: at which scale and stride its quality maps are.
    """
    router = APIRouter(prefix="/api/cameras/{name}")

    @router.get(
        "/picture.jpg", response_class=Response, responses={**_binary("image/jpeg"), **faults({404: _NO_FRAME})}
    )
    def picture(name: CameraName) -> Response:
        """Returns a camera's newest frame that was scored, at most 960 pixels wide."""
        known(hub, name)
        newest = hub.picture(name)
        if newest is None:
            raise refusal(404, "this camera has not shown anything yet")
        return Response(newest.jpeg, media_type="image/jpeg", headers=_about(newest))

    @router.get("/map.png", response_class=Response, responses={**_binary("image/png"), **faults({404: _NO_FRAME})})
    def quality_map(name: CameraName) -> Response:
        """Returns the quality map of the newest frame, transparent, to lay over the picture."""
        result = known(hub, name).result
        if result is None:
            raise refusal(404, "this camera has not shown anything yet")
        height, width = result.frame.bgr.shape[:2]
        png = map_png(result.score.quality_map, (height, width), setting.scale, setting.stride)
        return Response(png, media_type="image/png", headers={"Deepbiq-Frame": str(result.frame.number)})

    return router


def stream_routes(hub: WebHub) -> APIRouter:
    """Returns the routes that do not end by themselves."""
    router = APIRouter(prefix="/api")

    @router.get(
        "/cameras/{name}/stream.mjpg",
        response_class=StreamingResponse,
        responses={
            **_binary("multipart/x-mixed-replace"),
            **faults({404: NO_CAMERA, 503: "Too many streams are open."}),
        },
    )
    async def stream(name: CameraName) -> StreamingResponse:
        """Streams a camera's pictures; a slow client gets fewer of them, never older ones."""
        known(hub, name)
        if hub.is_full():
            raise refusal(503, "too many streams are open: close some", Retry_After="10")
        return StreamingResponse(_parts(hub, name), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}")

    @router.websocket("/events")
    async def events(socket: WebSocket) -> None:
        """Sends every event as JSON; a slow client gets all changes, and of results only the newest."""
        mailbox = Mailbox()
        try:
            with hub.subscribed(mailbox):
                # Only now, so that a client misses nothing of what happens after its connection is open.
                await socket.accept()
                await _send_while_there(socket, mailbox)
        except TooManySubscribersError:
            await socket.close(_TRY_AGAIN_LATER, "too many clients")

    return router


async def _parts(hub: WebHub, name: str) -> AsyncIterator[bytes]:
    bell = FrameBell(name)
    shown = 0
    with suppress(TooManySubscribersError), hub.subscribed(bell):
        while await bell.wait():
            picture = await run_in_threadpool(hub.picture, name)
            if picture is not None and picture.number != shown:
                shown = picture.number
                yield _part(picture)


def _part(picture: LivePicture) -> bytes:
    head = {"Content-Type": "image/jpeg", "Content-Length": str(len(picture.jpeg)), **_about(picture)}
    lines = [f"--{_BOUNDARY}", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(lines).encode() + picture.jpeg + b"\r\n"


def _about(picture: LivePicture) -> dict[str, str]:
    return {"Deepbiq-Frame": str(picture.number), "Deepbiq-Age-Ms": str(round(1000 * picture.age_s()))}


async def _send_while_there(socket: WebSocket, mailbox: Mailbox) -> None:
    async with create_task_group() as tasks:

        async def end_with_the_client() -> None:
            await _read_until_gone(socket)
            tasks.cancel_scope.cancel()

        tasks.start_soon(end_with_the_client)
        with suppress(WebSocketDisconnect):
            await _send_events(socket, mailbox)
        tasks.cancel_scope.cancel()


async def _send_events(socket: WebSocket, mailbox: Mailbox) -> None:
    while not (mailbox.closed or mailbox.overrun):
        for text in await mailbox.take():
            await socket.send_text(text)
    if mailbox.overrun:
        await socket.close(_TRY_AGAIN_LATER, "too slow: ask for the state anew")
    else:
        await socket.close(_GOING_AWAY, "the watching ends")


async def _read_until_gone(socket: WebSocket) -> None:
    # Nothing that a client says matters; reading is how its leaving is noticed.
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def _binary(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}
