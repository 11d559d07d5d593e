"""Writes that outlast a storage which falls silent for a while, and that know their own when an answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import Conflict, StoreRefused, StoreUnavailable

T = TypeVar("T")
Patience = Callable[[StoreUnavailable, int], None]
"""Called after each try that failed, with its number from 1: returns after a pause, or raises when that is enough."""


def impatient(error: StoreUnavailable, _tries: int) -> None:
    """Gives up at once."""
    raise error


def outlasting(patience: Patience, write: Callable[[], T]) -> T:
    """`write`, again and again while the storage is silent and `patience` lasts."""
    tries = 0
    while True:
        try:
            return write()
        except StoreRefused:
            raise  # no time heals that
        except StoreUnavailable as error:
            tries += 1
            patience(error, tries)


def create(store: ObjectStore, key: str, body: bytes) -> str:
    """Write what must not be there yet, and return its etag. Raises Conflict when something else is there.

    The same bytes are one's own, written by an earlier try: competing writers carry a nonce.
    """
    try:
        return store.put(key, body, only_if_absent=True)
    except Conflict:
        if (etag := own_etag(store, key, body)) is not None:
            return etag
        raise


def replace(store: ObjectStore, key: str, body: bytes, etag: str) -> str:
    """Write in place of what `etag` names, and return the new etag. Raises Conflict as `create` does."""
    try:
        return store.put(key, body, only_if_etag=etag)
    except Conflict:
        if (own := own_etag(store, key, body)) is not None:
            return own
        raise


def own_etag(store: ObjectStore, key: str, *bodies: bytes) -> str | None:
    """The etag of what is there, if it is one of `bodies`."""
    try:
        stored = store.get(key)
    except Missing:
        return None
    return stored.etag if stored.body in bodies else None
