"""Configuration files of pgBackRest, rendered from values. No secret stands in them: keys come by environment.

Three files for three readers:

- `local_config`: backup host, the user that takes backups and expires them, with the full key in its environment;
- `server_config`: backup host, the TLS server that database hosts talk to, as another user whose key may not delete:
  a client may ask this server for any of its options, the storage key included (src/config/protocol.c);
- `client_config`: database host: no storage is named in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clmdeploy.backups.pgbackrest import KEEP_ALL
from clmdeploy.backups.pgbackrest_settings import Cluster, Identity, Peer, Places, Repository
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

SECRETS = ("PGBACKREST_REPO1_S3_KEY", "PGBACKREST_REPO1_S3_KEY_SECRET", "PGBACKREST_REPO1_CIPHER_PASS")
"""environment variables that `local_config` and `server_config` need"""
_COMMON_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
Pair = tuple[str, object]


def local_config(repository: Repository, clusters: Iterable[Cluster], identity: Identity, places: Places) -> str:
    """For backup, expire, verify. Primary and standbys in any order: pgBackRest asks which is which."""
    standby = "prefer" if repository.from_standby else "n"
    common = (
        *_repository(repository),
        *_written(repository),
        *_places(places),
        ("process-max", repository.processes),
        ("start-fast", "y"),
        ("backup-standby", standby),
        ("archive-timeout", repository.wal_timeout),
        ("expire-auto", "n"),
        ("repo1-retention-full", KEEP_ALL),
    )
    members = [pair for number, one in enumerate(clusters, 1) for pair in _member(number, one, identity)]
    return _text(("global", common), (repository.stanza, members))


def server_config(repository: Repository, clients: Iterable[str], identity: Identity, places: Places) -> str:
    """For the TLS server; `clients` are the common names of the database hosts' certificates: each reaches this
    stanza only.
    """
    common = (
        *_repository(repository),
        *_places(places),
        *_server(identity, repository.stanza, clients),
    )
    return _text(("global", common))


def client_config(repository: Repository, backup: Peer, cluster: Cluster, identity: Identity, places: Places) -> str:
    """For archive-push, archive-get, restore, and the server that the backup host reads the database through."""
    common = (
        ("repo1-host", backup.address),
        ("repo1-host-type", "tls"),
        ("repo1-host-port", identity.port),
        ("repo1-host-config", backup.config),
        ("repo1-host-ca-file", identity.authority),
        ("repo1-host-cert-file", identity.certificate),
        ("repo1-host-key-file", identity.key),
        *_written(repository, of_repository=False),
        *_places(places),
        *_server(identity, repository.stanza, (backup.name,)),
    )
    # not in [global]: asynchronous archive-get may end a recovery at a timeline switch (#2423)
    pushing = (
        ("archive-async", "y"),
        ("process-max", repository.processes),
        ("archive-timeout", repository.wal_timeout),
    )
    own = (("pg1-path", cluster.data), ("pg1-port", cluster.port), ("pg1-socket-path", cluster.sockets))
    return _text(("global", common), ("global:archive-push", pushing), (repository.stanza, own))


def _repository(repository: Repository) -> tuple[Pair, ...]:
    storage = repository.storage
    authority = (("repo1-storage-ca-file", storage.authority),) if storage.authority else ()
    return (
        ("repo1-type", "s3"),
        ("repo1-path", repository.path),
        ("repo1-s3-bucket", storage.bucket),
        ("repo1-s3-endpoint", storage.endpoint),
        ("repo1-s3-region", storage.region),
        ("repo1-s3-uri-style", "path" if storage.path_style else "host"),
        ("repo1-storage-port", storage.port),
        ("repo1-storage-verify-tls", "y"),
        *authority,
        ("repo1-cipher-type", "aes-256-cbc" if repository.encrypted else "none"),
    )


def _written(repository: Repository, of_repository: bool = True) -> tuple[Pair, ...]:
    compressed = (("compress-type", "zst"), ("compress-level", repository.level))
    if not of_repository:
        return compressed
    bundled = (("repo1-bundle", "y" if repository.bundled else "n"),)
    # only together: block increments live in bundles' repositories
    blocks = (("repo1-block", "y"),) if repository.bundled and repository.block_incremental else ()
    return (*compressed, *bundled, *blocks)


def _places(places: Places) -> tuple[Pair, ...]:
    # the default lock path is below /tmp, which a unit with PrivateTmp sees as another one
    return (
        ("lock-path", places.locks),
        ("log-path", places.logs),
        ("spool-path", places.spool),
        ("log-level-file", "detail"),
        # a host whose power was cut says no farewell: by default the other end stands for hours, and holds a lock
        ("tcp-keep-alive-count", 3),
        ("tcp-keep-alive-idle", 10),
        ("tcp-keep-alive-interval", 5),
    )


def _server(identity: Identity, stanza: str, clients: Iterable[str]) -> tuple[Pair, ...]:
    named = tuple(clients)
    strange = [name for name in named if not _COMMON_NAME.fullmatch(name)]
    if strange or not named:
        who = ", ".join(repr(name[:60]) for name in strange) or "-"
        raise InvalidInput(Bilingual(f"TLS clients: no common names: {who}", f"клиенты TLS: недопустимые имена: {who}"))
    return (
        ("tls-server-address", "*"),
        ("tls-server-port", identity.port),
        ("tls-server-ca-file", identity.authority),
        ("tls-server-cert-file", identity.certificate),
        ("tls-server-key-file", identity.key),
        *(("tls-server-auth", f"{name}={stanza}") for name in named),
    )


def _member(number: int, cluster: Cluster, identity: Identity) -> tuple[Pair, ...]:
    values = (
        ("path", cluster.data),
        ("port", cluster.port),
        ("socket-path", cluster.sockets),
        ("host", cluster.host),
        ("host-type", "tls"),
        ("host-port", identity.port),
        ("host-config", cluster.config),
        ("host-ca-file", identity.authority),
        ("host-cert-file", identity.certificate),
        ("host-key-file", identity.key),
    )
    return tuple((f"pg{number}-{key}", value) for key, value in values)


def _text(*sections: tuple[str, Iterable[Pair]]) -> str:
    told = (
        f"[{name}]\n" + "".join(f"{key}={_value(key, value)}\n" for key, value in pairs) for name, pairs in sections
    )
    return "# Written by clmdeploy: changes are lost with the next backup setup\n" + "\n".join(told)


def _value(key: str, value: object) -> str:
    """Values are trimmed and end with their line: what would be read as another one is refused."""
    text = str(value)
    if not text or text != text.strip() or re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", text):
        raise InvalidInput(
            Bilingual(
                f"pgbackrest: {key}: {text[:80]!r} can't be written",
                f"pgbackrest: {key}: нельзя записать {text[:80]!r}",
            )
        )
    return text
