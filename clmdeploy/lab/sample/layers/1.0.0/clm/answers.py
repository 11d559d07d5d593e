"""Answers are JSON, errors too."""

import json
from functools import partial

from aiohttp import web

_to_json = partial(json.dumps, ensure_ascii=False, default=str)


def reply(data: object, status: int = 200) -> web.Response:
    """`data` as JSON."""
    return web.json_response(data, status=status, dumps=_to_json)


def fault(status: int, text: str) -> web.Response:
    """An error as JSON: {"error": text}."""
    return reply({"error": text}, status)
