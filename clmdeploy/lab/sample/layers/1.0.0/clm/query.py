"""Reading what clients send: every field checked, a fault named in the answer."""

import json
from typing import Any

from aiohttp import web

BIGINT = 2**63 - 1


class BadInput(web.HTTPUnprocessableEntity):
    """422 with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object in the request's body."""
    try:
        data = json.loads(await request.text())
    except (ValueError, LookupError):  # LookupError: a charset that nobody knows
        raise BadInput("the body must be JSON") from None
    if not isinstance(data, dict):
        raise BadInput("the body must be a JSON object")
    return data


def text(data: dict[str, Any], key: str, longest: int, default: str | None = None) -> str:
    """A text of 1 to `longest` characters."""
    value = data.get(key, default)
    # "ignore" drops lone surrogates, which JSON can carry and the database can't; it can't store NUL either.
    if not isinstance(value, str) or not 1 <= len(value) <= longest or value != _storable(value):
        raise BadInput(f"{key}: a text of 1 to {longest} characters is needed")
    return value


def _storable(value: str) -> str:
    return value.replace("\0", "").encode(errors="ignore").decode()


def number(data: dict[str, Any], key: str) -> int:
    """A positive whole number that fits the database's bigint."""
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= BIGINT:
        raise BadInput(f"{key}: a positive whole number is needed")
    return value


def identifier(request: web.Request) -> int:
    """The number in the path; one that no row can have is simply not found."""
    value = int(request.match_info["id"])
    if value > BIGINT:
        raise web.HTTPNotFound(reason="no such object")
    return value


def limit(request: web.Request, default: int = 50, most: int = 500) -> int:
    """The query's `limit`, at most `most` rows."""
    value = request.query.get("limit", str(default))
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
        raise BadInput(f"limit: a number from 1 to {most} is needed")
    return int(value)
