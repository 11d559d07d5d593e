"""The proof that a storage keeps conditions: whoever takes the first lease of an environment gets it before that."""

from __future__ import annotations

from clmdeploy.changes.ports import ObjectStore
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import Conflict, StoreRefused

_OTHER_ETAG = '"0123456789abcdef0123456789abcdef"'


def prove_conditions(store: ObjectStore, key: str) -> None:
    """Write to `key`, which nobody reads, on conditions that don't hold. Raises StoreRefused when they are not kept.

    Many S3-compatible storages take the conditions and ignore them: two control nodes would both hold the lease.
    """
    store.put(key, b"1")
    try:
        store.put(key, b"2", only_if_absent=True)
    except Conflict:
        try:
            store.put(key, b"3", only_if_etag=_OTHER_ETAG)
        except Conflict:
            return
    raise StoreRefused(
        Bilingual(
            "the storage of storage.state_bucket ignores conditions of writes (If-None-Match, If-Match): leases and "
            "journal can't be kept there",
            "хранилище бакета storage.state_bucket не соблюдает условия записи (If-None-Match, If-Match): блокировки "
            "и журнал вести там нельзя",
        ),
        Bilingual(
            "put state_bucket on storage that keeps them; `clmdeploy doctor` tells which does",
            "перенесите state_bucket в хранилище, которое их соблюдает; проверяет это `clmdeploy doctor`",
        ),
    )
