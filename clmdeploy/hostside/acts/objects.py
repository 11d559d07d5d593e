"""Lists objects of the backup storage, page by page, as the guard's reply has room for them."""

from __future__ import annotations

import http.client
import time

from . import s3
from .call import ActError, Call, Json
from .programs import read_secret

MOST = 10_000  # objects of one reply: with names of 200 characters they still fit
LONGEST = 45.0  # seconds until what has come is told


def ask(call: Call) -> Json:
    """`arguments`: storage, keys (files), prefix, more (from the answer before; empty: from the beginning).

    `objects`: [key, size, etag, modified] in the storage's order.
    """
    arguments = call.arguments
    reader, begun = s3.Reader(opened(arguments)), time.monotonic()
    found: list[s3.Item] = []
    more = arguments["more"]
    try:
        while True:
            page = reader.page(arguments["prefix"], more)
            found += page.items
            more = page.more
            if not more or len(found) >= MOST or time.monotonic() - begun > LONGEST:
                return {"objects": [list(one) for one in found], "more": more}
    except (s3.Refused, OSError, http.client.HTTPException) as error:
        raise ActError(f"the backup storage did not answer: {s3.reason(error)}") from None
    finally:
        reader.close()


def opened(arguments: Json) -> s3.Storage:
    """The storage with its keys, which are read at this moment and stay here."""
    return s3.storage_of(arguments["storage"], {name: read_secret(path) for name, path in arguments["keys"].items()})
