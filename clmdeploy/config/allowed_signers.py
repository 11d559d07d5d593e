"""Who may sign: OpenSSH's allowed_signers, read for its faults. `ssh-keygen -Y verify` remains the judge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clmdeploy.config.public_keys import SIGNING_KEY_TYPES, fingerprint, key_blob

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_OPTION = re.compile(r'(cert-authority|namespaces="[^"]+"|valid-after="?\d{8,14}Z?"?|valid-before="?\d{8,14}Z?"?)')
_SPLIT_OPTIONS = re.compile(r'((?:[^,"]|"[^"]*")+)')


@dataclass(frozen=True)
class AllowedSigner:
    """One line: which principals may sign with which key."""

    principals: tuple[str, ...]
    kind: str
    encoded: str
    options: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA256:…, for people to compare."""
        return fingerprint(self.encoded)

    def may_sign(self, namespace: str) -> bool:
        """Whether the line permits this; without `namespaces` it permits everything."""
        lists = [option.partition("=")[2].strip('"') for option in self.options if option.startswith("namespaces=")]
        return all(any(fnmatchcase(namespace, one) for one in patterns.split(",")) for patterns in lists)


def parse(text: str) -> tuple[tuple[AllowedSigner, ...], list[tuple[int, str]]]:
    """All signers, and the faults as (line, cause)."""
    signers, faults = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            signers.append(_parse_line(_WORD.findall(line)))
        except ValueError as error:
            faults.append((number, str(error)))
    return tuple(signers), faults


def _parse_line(words: list[str]) -> AllowedSigner:
    has_options = len(words) > 1 and words[1] not in SIGNING_KEY_TYPES
    options = tuple(_SPLIT_OPTIONS.findall(words.pop(1))) if has_options and len(words) > 3 else ()
    if len(words) < 3:
        raise ValueError("expects PRINCIPALS [OPTIONS] KEYTYPE KEY")
    principals, kind, encoded = words[:3]
    for option in options:
        if not _OPTION.fullmatch(option):
            raise ValueError(f"option {option[:60]!r} is not known (see ssh-keygen(1), ALLOWED SIGNERS)")
    if kind not in SIGNING_KEY_TYPES:
        raise ValueError(f"key type {kind[:40]!r} is not one of {', '.join(sorted(SIGNING_KEY_TYPES))}")
    if any(mark in principals for mark in "*?!"):
        raise ValueError("principals must be names, not patterns (* ? !): a journal must say who signed")
    key_blob(kind, encoded)
    return AllowedSigner(tuple(principals.strip('"').split(",")), kind, encoded, options)
