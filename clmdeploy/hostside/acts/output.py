"""What a reading command of an engine says, in slices that fit the guard's reply."""

from __future__ import annotations

import base64
import zlib

from .call import Call, Json
from .programs import running

MOST = 2 * 1024 * 1024  # bytes of a slice, compressed
MOST_PLAIN = 32 * 1024 * 1024  # and before: who asks believes no more


def ask(call: Call) -> Json:
    """`arguments`: command, user, skip (bytes that were told before).

    `data`: what comes behind them, compressed; `more`: there is more than that. Without more, `code` and `said` tell
    how the command ended.
    """
    arguments = call.arguments
    with running(arguments["command"], arguments["user"]) as program:
        told, cut = _slice(program.chunks(), arguments["skip"])
        answer = {"data": base64.b64encode(told).decode(), "more": cut}
        return answer if cut else {**answer, "code": program.code, "said": program.said}


def _slice(chunks, skip: int) -> tuple[bytes, bool]:  # type: ignore[no-untyped-def]  # an iterator of bytes
    packer = zlib.compressobj()
    packed, passed = bytearray(), 0
    for chunk in chunks:
        rest = chunk[max(0, skip - passed) :]
        passed += len(chunk)
        packed += packer.compress(rest)
        if len(packed) >= MOST or passed - skip >= MOST_PLAIN:
            return bytes(packed + packer.flush()), True
    return bytes(packed + packer.flush()), False
