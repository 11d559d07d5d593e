"""What subscribers answered. The client names each response (UUID), so that a repeat is stored once."""

from typing import Any
from uuid import UUID

from aiohttp import web
from psycopg.errors import ForeignKeyViolation

from clm.answers import fault, reply
from clm.query import BadInput, body, number, text
from clm.service import DATABASE

routes = web.RouteTableDef()

FIELDS = ("id", "subscriber_id", "campaign_id", "answer", "channel")
CHANNELS = ("sms", "email", "call", "account")
_COLUMNS = ", ".join(FIELDS)
_INSERT = f"""
    INSERT INTO responses ({_COLUMNS}) VALUES ({", ".join(["%s"] * len(FIELDS))})
    ON CONFLICT (id) DO NOTHING RETURNING id
"""  # noqa: S608 constant columns
_SELECT = f"SELECT {_COLUMNS} FROM responses WHERE id = %s"  # noqa: S608 constant columns


@routes.post("/responses")
async def create(request: web.Request) -> web.Response:
    """Store a response. 201: it is committed; 200: the same one was here already; 409: its id names another."""
    response = read(await body(request))
    database = request.app[DATABASE]
    try:
        stored = await database.rows(_INSERT, list(response.values()))
    except ForeignKeyViolation:
        raise BadInput("there is no such subscriber or campaign") from None
    if stored:
        return reply(response, 201)
    present = await database.rows(_SELECT, [response["id"]])
    return reply(response) if present == [response] else fault(409, "another response has this id")


@routes.get("/responses/{id}")
async def show(request: web.Request) -> web.Response:
    """One response."""
    found = await request.app[DATABASE].rows(_SELECT, [_uuid(request.match_info["id"])])
    return reply(found[0]) if found else fault(404, "no such response")


def _channel(data: dict[str, Any]) -> str:
    value = text(data, "channel", 10, default="sms")
    if value not in CHANNELS:
        raise BadInput(f"channel: one of {', '.join(CHANNELS)} is needed")
    return value


def read(data: dict[str, Any]) -> dict[str, Any]:
    """The response that a client sent, its keys in the order of FIELDS."""
    return {
        "id": _uuid(data.get("id")),
        "subscriber_id": number(data, "subscriber_id"),
        "campaign_id": number(data, "campaign_id"),
        "answer": text(data, "answer", 1000),
        "channel": _channel(data),
    }


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise BadInput("id: a UUID is needed") from None
