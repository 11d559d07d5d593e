"""Fetches a release by presigned address, in bounded memory, and checks what came before anybody reads it."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request

from .call import ActError

CHUNK = 1024 * 1024
TRIES = 4


def fetch_checked(url: str, path: str, size: int, sha256: str, authority: str | None) -> None:
    """Store `url` at `path`; its size and SHA-256 must be as the control node says. Errors never show the address."""
    for attempt in range(1, TRIES + 1):
        try:
            digest = _stream(url, path, size, authority)
            break
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES or _is_final(error):
                raise ActError(f"the storage did not deliver {os.path.basename(path)}: {_reason(error)}") from None
            time.sleep(0.5 * 2**attempt)
    if digest != sha256:
        raise ActError(
            f"{os.path.basename(path)} from the storage is not what was signed: {digest[:12]}…, not {sha256[:12]}…"
        )


def _stream(url: str, path: str, size: int, authority: str | None) -> str:
    context = ssl.create_default_context(cadata=authority)
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    hasher, received = hashlib.sha256(), 0
    with urllib.request.build_opener(*handlers).open(url, timeout=30) as response, open(path, "wb") as file:
        while chunk := response.read(CHUNK):
            received += len(chunk)
            if received > size:
                raise ActError(
                    f"{os.path.basename(path)} from the storage is larger than the {size} bytes that were signed"
                )
            hasher.update(chunk)
            file.write(chunk)
    if received < size:
        raise http.client.IncompleteRead(b"", size - received)
    return hasher.hexdigest()


def _is_final(error: Exception) -> bool:
    """Whether another try can't help: the storage refuses, or this host's disk is full."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code != 429
    return (
        isinstance(error, OSError)
        and error.errno is not None
        and not isinstance(error, (urllib.error.URLError, ConnectionError, TimeoutError))
    )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason)[:300]
