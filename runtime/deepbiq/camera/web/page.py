"""The page and its files, read once when the service starts: no request reaches the disk."""

from __future__ import annotations

import mimetypes
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

from deepbiq.camera.web.answers import refusal


def static_file(name: str) -> bytes:
    """Reads a file of the page."""
    return (files("deepbiq.camera.web") / "static" / name).read_bytes()


def page_routes() -> APIRouter:
    """Returns the routes of the page; they are no part of the OpenAPI description."""
    router = APIRouter(include_in_schema=False)
    folder = files("deepbiq.camera.web") / "static"
    contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}

    @router.get("/")
    async def page() -> Response:
        return _served("index.html", contents["index.html"])

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in contents:
            raise refusal(404, "there is no such file")
        return _served(name, contents[name])

    return router


def _served(name: str, content: bytes) -> Response:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=kind)
