"""Redacts what is known to be secret, beside what looks like it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

from clmdeploy.model.redaction import redact_text
from clmdeploy.model.secret import REDACTED, Secret

SHORTEST = 4  # characters: replacing shorter ones would garble every word, and protect nothing


def redactor(secrets: Iterable[Secret], rules: Callable[[str], str] = redact_text) -> Callable[[str], str]:
    """What takes these very secrets out of a text, however it spells them, and then applies `rules`."""
    spellings = sorted({one for secret in secrets for one in _spellings(secret.reveal())}, key=len, reverse=True)

    def redact(text: str) -> str:
        for one in spellings:
            text = text.replace(one, REDACTED)
        return rules(text)

    return redact


def _spellings(value: str) -> Iterable[str]:
    """As it is, line by line, and as JSON and addresses write it."""
    for line in value.splitlines():
        if len(line.strip()) >= SHORTEST and not line.startswith("-----"):
            yield line.strip()
            yield json.dumps(line.strip())[1:-1]
            yield json.dumps(line.strip(), ensure_ascii=False)[1:-1]
            yield quote(line.strip(), safe="")
            yield quote_plus(line.strip())
