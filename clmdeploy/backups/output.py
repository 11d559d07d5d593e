"""What engines say is read with bounds: length of a line, size of a document, its types. Rubbish is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ClmError

DOCUMENT_LIMIT = 64 * 1024 * 1024
"""bytes of one JSON document: 10,000 backups with long chains of references are some 20 MB"""
LINE_LIMIT = 1024 * 1024
_SHOWN = 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Unintelligible(ClmError):
    """An engine said something that is not what its documentation describes: another version, or not that engine."""


class Told(BaseModel):
    """A part of an engine's JSON: types are exact, keys that a later version adds are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


T = TypeVar("T")


def document(adapter: TypeAdapter[T], data: bytes, source: str, limit: int = DOCUMENT_LIMIT) -> T:
    """One JSON document. Raises Unintelligible for what is too large, no JSON, or of other types, naming the key."""
    if len(data) > limit:
        raise too_large(source, limit)
    try:
        return adapter.validate_json(data)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:8]) or "document"
        raise unintelligible(source, f"{place}: {first['msg']}") from None


def lines(chunks: Iterable[bytes], source: str, limit: int = LINE_LIMIT) -> Iterator[bytes]:
    """Lines without their end, as they come; never more than `limit` bytes are held.

    Raises Unintelligible for a longer one.
    """
    held = bytearray()
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            held += part
            if len(held) > limit:
                raise too_large(source, limit)
            yield bytes(held)
            held.clear()
        held += rest
        if len(held) > limit:
            raise too_large(source, limit)
    if held:
        yield bytes(held)


def shown(text: bytes | str) -> str:
    """For messages: one printable line of at most 200 characters.

    What engines say may hold names chosen by strangers.
    """
    if isinstance(text, bytes):
        text = text[: 4 * _SHOWN].decode("utf-8", "replace")
    else:
        text = text[: 4 * _SHOWN].encode("utf-8", "replace").decode()
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def unintelligible(source: str, cause: str) -> Unintelligible:
    """`source` names the command, `cause` what is wrong with what it said."""
    return Unintelligible(
        Bilingual(f"{source}: unexpected output: {shown(cause)}", f"{source}: неожиданный вывод: {shown(cause)}"),
        Bilingual(
            "Run the same command by hand on that host, and look at its version",
            "Выполните ту же команду вручную на том узле и проверьте версию программы",
        ),
    )


def too_large(source: str, limit: int) -> Unintelligible:
    return unintelligible(source, f"more than {limit} bytes at once")
