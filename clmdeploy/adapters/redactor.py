"""Redacts what is known to be secret, beside what looks like it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from clmdeploy.model.redaction import redact_text
from clmdeploy.model.secret import REDACTED, Secret

SHORTEST = 4  # characters: replacing shorter ones would garble every word, and protect nothing
SHORTEST_ENCODED = 8  # likewise in base64
_URL_SAFE = str.maketrans("+/", "-_")


def redactor(secrets: Iterable[Secret], rules: Callable[[str], str] = redact_text) -> Callable[[str], str]:
    """What takes these very secrets out of a text, however it spells them, and then applies `rules`."""
    spellings = sorted({one for secret in secrets for one in _spellings(secret.reveal())}, key=len, reverse=True)

    def redact(text: str) -> str:
        for one in spellings:
            text = text.replace(one, REDACTED)
        return rules(text)

    return redact


def _spellings(value: str) -> Iterable[str]:
    """As it is, line by line, and as JSON, addresses and headers write it."""
    for line in value.splitlines():
        if len(line.strip()) >= SHORTEST and not line.startswith("-----"):
            yield line.strip()
            yield json.dumps(line.strip())[1:-1]
            yield json.dumps(line.strip(), ensure_ascii=False)[1:-1]
            yield quote(line.strip(), safe="")
            yield quote_plus(line.strip())
            yield from _encoded(line.strip().encode())


def _encoded(value: bytes) -> Iterator[str]:
    """In base64: by itself, and in each way in which it may lie within what is encoded as a whole, like USER:PASSWORD.

    Then only the characters that hang on it alone.
    """
    yield b64encode(value).decode()
    for before in range(3):
        bits = 8 * before, 8 * (before + len(value))
        inner = b64encode(bytes(before) + value).decode()[-(-bits[0] // 6) : bits[1] // 6]
        if len(inner) >= SHORTEST_ENCODED:
            yield inner
            yield inner.translate(_URL_SAFE)
