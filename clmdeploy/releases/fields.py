"""The kinds of text that a manifest is made of. Each refuses with a sentence, not with a pattern."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field


def has_control_characters(text: str, allowed: str = "") -> bool:
    """Whether `text` holds characters that steer a terminal or cut a line (Unicode categories Cc, Zl, Zp and Cs)."""
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text if char not in allowed)


def link_stays_inside(path: str, target: str) -> bool:
    """Whether the link at `path` can't lead out of the release, whatever other links stand beside it.

    '..' is allowed only in front: the directory of a link is a true directory, but behind a name that may itself be
    a link '..' would lead somewhere else than it reads.
    """
    parts = target.split("/")
    climbs = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    plain = all(part not in ("", "..") for part in parts[climbs:])
    return plain and climbs <= path.count("/") and "\\" not in target and not has_control_characters(target)


def _spelled(pattern: str, sentence: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{text[:80]!r} must be {sentence}")
        return text

    return AfterValidator(check)


def _relative(path: str) -> str:
    parts = path.split("/")
    if not path or len(path) > 1024 or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{path[:200]!r} must be a relative path inside the release, without '.' or '..' components")
    if "\\" in path or has_control_characters(path):
        raise ValueError(f"{path[:200]!r} holds a backslash or a control character")
    if any(len(part.encode()) > 255 for part in parts):
        raise ValueError(f"{path[:200]!r} holds a name of more than 255 bytes, which no file system takes")
    return path


def _prose(text: str) -> str:
    if has_control_characters(text, allowed="\n\t"):
        raise ValueError("text for people holds no control characters but line feeds and tabs")
    return text


def _command(command: tuple[str, ...]) -> tuple[str, ...]:
    program = command[0]
    if not program or has_control_characters(program):
        raise ValueError("a command begins with the name of a program")
    if not program.startswith("/") and ".." in program.split("/"):
        raise ValueError(f"{program[:200]!r} leads out of the release")
    return command


Name = Annotated[
    str, _spelled(r"[a-z][a-z0-9-]{0,39}", "1 to 40 small letters, digits and hyphens, beginning with a letter")
]
Sha256 = Annotated[str, _spelled(r"[0-9a-f]{64}", "a SHA-256 as 64 small hexadecimal digits")]
Seconds = Annotated[int, Field(ge=1, le=3600)]
LoopbackUrl = Annotated[
    str,
    _spelled(
        r"(?=.{1,2048}\Z)http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[!-~]*)?",
        "an address on the host itself, like http://127.0.0.1:8080/health",
    ),
]
UnitName = Annotated[
    str,
    _spelled(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,100}\.(service|timer|socket|path|target)",
        "a systemd unit's name that ends in .service, .timer, .socket, .path or .target",
    ),
]
SystemName = Annotated[
    str, _spelled(r"[a-z0-9._-]{1,40}", "ID-VERSION_ID as in /etc/os-release of the host, like debian-13")
]
ProgramName = Annotated[str, _spelled(r"[A-Za-z0-9._+/-]{1,200}", "the name or path of a program")]
RelativePath = Annotated[str, AfterValidator(_relative)]
Prose = Annotated[str, Field(max_length=100_000), AfterValidator(_prose)]
Argument = Annotated[str, Field(max_length=4096), _spelled(r"[^\0]*", "an argument without NUL")]
Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64), AfterValidator(_command)]
