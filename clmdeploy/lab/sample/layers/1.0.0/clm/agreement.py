"""Rows against files: a campaign names its content in its message, with the digest that it was planned with.

https://clm.example/content/banner.png#sha256=0123…
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_NAMED = re.compile(r"/content/([A-Za-z0-9][A-Za-z0-9._-]{0,99})#sha256=([0-9a-f]{64})", re.ASCII)


def named(messages: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Campaign, file and digest, for each file that a message names; `messages`: campaign's code and message."""
    for code, message in messages:
        for name, digest in _NAMED.findall(message):
            yield code, name, digest


def compare(messages: Iterable[tuple[str, str]], content: Path) -> dict[str, object]:
    """What the hook prints: how many names were looked at, and what is wrong."""
    wanted = list(named(messages))
    judged = ((f"campaign {code}: {name}", _fault(content / name, digest)) for code, name, digest in wanted)
    problems = [f"{what}: {fault}" for what, fault in judged if fault]
    return {"checked": len(wanted), "problems": problems}


def _fault(path: Path, digest: str) -> str:
    """Empty when the file is the one that was meant."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error.strerror or "can't be read"
    return "" if found == digest else f"has other content, {found[:12]} instead of {digest[:12]}"
