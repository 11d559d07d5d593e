"""Campaign content: a tree of files that the worker owns and that outlives releases."""

import asyncio
import os
import re
import secrets
from pathlib import Path

from aiohttp import web

from clm.answers import fault, reply

LARGEST = 8 * 1024 * 1024  # bytes of one file
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

DIRECTORY = web.AppKey("content", Path)
routes = web.RouteTableDef()


def safe_name(name: str) -> str:
    """`name` if it is one plain file name that doesn't start with a dot; 422 otherwise."""
    if not _SAFE_NAME.fullmatch(name):
        raise web.HTTPUnprocessableEntity(
            reason="a name has 1 to 100 of A-Z a-z 0-9 . _ - and begins with a letter or digit"
        )
    return name


@routes.get("/content/{name}")
async def show(request: web.Request) -> web.StreamResponse:
    """One file's bytes."""
    path = request.app[DIRECTORY] / safe_name(request.match_info["name"])
    try:
        data = await asyncio.to_thread(_read, path)
    except OSError:  # missing, or a symbolic link that was planted
        return fault(404, "no such content")
    return web.Response(body=data, content_type="application/octet-stream")


@routes.put("/content/{name}")
async def store(request: web.Request) -> web.Response:
    """Replace one file as a whole: readers see the old bytes or the new ones, never a part."""
    name = safe_name(request.match_info["name"])
    directory = request.app[DIRECTORY]
    part = directory / f".{name}.{secrets.token_hex(8)}"
    try:
        size = await _receive(request, part)
        await asyncio.to_thread(_publish, part, directory / name)
    finally:
        part.unlink(missing_ok=True)
    return reply({"name": name, "size": size}, 201)


async def _receive(request: web.Request, part: Path) -> int:
    size = 0
    with part.open("xb") as file:
        async for chunk in request.content.iter_chunked(65536):
            size += len(chunk)
            if size > LARGEST:
                raise web.HTTPRequestEntityTooLarge(max_size=LARGEST, actual_size=size)
            await asyncio.to_thread(file.write, chunk)
    return size


def _publish(part: Path, path: Path) -> None:
    for step in ("file", "directory"):
        descriptor = os.open(part if step == "file" else path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if step == "file":
            part.replace(path)


def _read(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(LARGEST)
