"""Which segments of log are the newest in the storage: the end of each timeline, at the price of a few requests."""

from __future__ import annotations

import http.client
import re

from . import s3
from .call import ActError, Call, Json
from .objects import opened

MOST_TIMELINES = 3
_ARCHIVE = re.compile(r"/(\d{1,3}(?:\.\d{1,2})?)-(\d{1,9})/$", re.ASCII)
_FOLDER = re.compile(r"/([0-9A-F]{16})/$", re.ASCII)
_SEGMENT = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}(?:\.[a-z0-9]+)?$", re.ASCII)


def ask(call: Call) -> Json:
    """`arguments`: storage, keys (files), prefix (of the stanza's archives, with a slash at its end).

    `newest`: timeline → [segment, when it was stored], of the newest archive.
    """
    arguments = call.arguments
    reader = s3.Reader(opened(arguments))
    try:
        archives = [one for one in _folders(reader, arguments["prefix"]) if _ARCHIVE.search(one)]
        if not archives:
            return {"newest": {}}
        return {"newest": dict(_ends(reader, max(archives, key=_number)))}
    except (s3.Refused, OSError, http.client.HTTPException) as error:
        raise ActError(f"the backup storage did not answer: {s3.reason(error)}") from None
    finally:
        reader.close()


def _number(folder: str) -> int:
    """17-2 came after 17-1, and 18-3 after both."""
    match = _ARCHIVE.search(folder)
    return int(match[2]) if match else 0


def _ends(reader: s3.Reader, archive: str):  # type: ignore[no-untyped-def]  # an iterator of pairs
    last: dict[str, str] = {}
    for folder in _folders(reader, archive):
        match = _FOLDER.search(folder)
        if match:
            last[match[1][:8]] = max(folder, last.get(match[1][:8], ""))
    for timeline in sorted(last)[-MOST_TIMELINES:]:
        found = [
            (match[1], one.modified) for one in _items(reader, last[timeline]) if (match := _SEGMENT.search(one.key))
        ]
        if found:
            yield timeline, list(max(found))


def _folders(reader: s3.Reader, prefix: str) -> list[str]:
    found, more = [], ""
    while True:
        page = reader.page(prefix, more, folders=True)
        found += page.folders
        more = page.more
        if not more:
            return found


def _items(reader: s3.Reader, prefix: str) -> list[s3.Item]:
    found, more = [], ""
    while True:
        page = reader.page(prefix, more)
        found += page.items
        more = page.more
        if not more:
            return found
