"""pgBackRest's own small files (backup.info, archive.info): whether one is as it was written, by its own checksum."""

from __future__ import annotations

import json

from clmdeploy.backups.pgbackrest_digest import InfoDigest


def is_whole(body: bytes) -> bool:
    """Of a file as `repo-get` gives it."""
    section, expected, digest = b"", "", InfoDigest()
    for line in body.splitlines():
        if line.startswith(b"[") and line.endswith(b"]"):
            section = line[1:-1]
        elif line:
            name, _, raw = line.partition(b"=")
            if (section, name) == (b"backrest", b"backrest-checksum"):
                expected = _text(raw)
            else:
                digest.add(section, name, raw)
    return bool(expected) and expected == digest.end()


def _text(raw: bytes) -> str:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""
