"""The kinds of text and number that settings are made of. Each refuses with a sentence, not with a pattern."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

_JINJA = ("{{", "{%", "{#")


def refuse_jinja(text: str) -> str:
    """Jinja is never run on data (design, section 11), so a template here could only be a misunderstanding."""
    if any(mark in text for mark in _JINJA):
        raise ValueError("Jinja is never run on data: write the value itself")
    return text


def _spelled(pattern: str, sentence: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


def _endpoint(text: str) -> str:
    refuse_jinja(text)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"is not an address: {error}") from error
    if parts.scheme not in ("https", "http") or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        raise ValueError("must be an address like https://s3.example.com:8334")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("must hold scheme, host and port only: no user, path or query")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https: plain http is accepted on this machine's loopback address only")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _time_zone(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", text):
        raise ValueError("must be a name of the IANA time zone database, like Europe/Moscow")
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Europe" is a directory
        raise ValueError(f"no such time zone on this machine: {text} (is the package tzdata installed?)") from error
    return text


def _uuid(text: str) -> str:
    try:
        canonical = str(UUID(text))
    except ValueError as error:
        raise ValueError("must be a UUID like 5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10: `uuidgen` makes one") from error
    if canonical != text:
        raise ValueError(f"must be written in its usual form: {canonical}")
    return text


def _file_path(text: str) -> str:
    refuse_jinja(text)
    if not text or len(text) > 1024 or not text.isprintable() or text.startswith("-") or text.endswith("/"):
        raise ValueError("must be the path of a file, absolute or relative to the directory of clm.yml")
    return text


def batch(value: object) -> int | str:
    """Hosts at once: a number from 1, or a share of the group as "N%" (1 to 100)."""
    share = re.fullmatch(r"(\d{1,3})%", value, re.ASCII) if isinstance(value, str) else None
    if share and 1 <= int(share.group(1)) <= 100:
        return share.group()
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000:
        return value
    raise ValueError('must be a number of hosts from 1 to 1000, or a share like "25%"')


def seconds(default: int, description: str, *, least: int = 0, most: int) -> int:
    """A duration in whole seconds with its bounds."""
    result: int = Field(default, ge=least, le=most, strict=True, description=description, examples=[default])
    return result


def count(default: int, description: str, *, least: int = 0, most: int) -> int:
    """A number of things with its bounds."""
    return seconds(default, description, least=least, most=most)


Name = Annotated[
    str, _spelled(r"[a-z][a-z0-9-]{0,39}", "must be small letters, digits and hyphens, beginning with a letter")
]
Group = Name
UserName = Annotated[str, _spelled(r"[a-z_][a-z0-9_-]{0,31}", "must be the name of a Unix account")]
LoginName = Annotated[str, _spelled(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", "must be an account to log in as")]
AbsolutePath = Annotated[
    str,
    _spelled(
        r"(?=.{2,200}$)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+",
        "must be an absolute path without odd characters, '.' or '..', and not '/'",
    ),
]
Bucket = Annotated[
    str,
    _spelled(
        r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "must be a bucket name: 3 to 63 small letters, digits, . or -"
    ),
]
Region = Annotated[str, _spelled(r"[a-z0-9][a-z0-9-]{0,62}", "must be small letters, digits and hyphens")]
Principal = Annotated[
    str,
    _spelled(
        r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}", "must be one principal of allowed_signers, like ivanova@example.com"
    ),
]
ServerName = Annotated[
    str, _spelled(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}", "must be a host's name or address, without scheme and port")
]
MailAddress = Annotated[
    str,
    _spelled(
        r"[A-Za-z0-9!#$&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}",
        "must be one bare mail address, like duty@example.com",
    ),
]
BackendName = Annotated[str, _spelled(r"[A-Za-z0-9_.:-]{1,100}", "must be the name of an haproxy backend")]
VariableName = Annotated[
    str, _spelled(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "must be the name of an environment variable, without $")
]
Prefix = Annotated[
    str,
    _spelled(
        r"([a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62}){0,7})?",
        "must be empty, or small letters, digits, hyphens and _ between single slashes, with none at either end",
    ),
]
DatabaseName = Annotated[
    str, _spelled(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", "must be the name of a database: letters, digits, _ and -")
]
Stanza = Annotated[
    str, _spelled(r"[a-z0-9][a-z0-9_-]{0,62}", "must be small letters, digits, hyphens and _, at most 63")
]
ServiceName = Annotated[
    str, _spelled(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,200}\.service", "must be a systemd unit, like postgresql.service")
]
_WEEKDAY = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)([a-z]{1,6})?"
_CALENDAR = (
    r"(?=.{1,100}$)(hourly|daily|weekly|monthly|quarterly|semiannually|yearly"
    rf"|({_WEEKDAY}((,|\.\.){_WEEKDAY})* )?([0-9*.,/~]+(-[0-9*.,/~]+){{1,2}} )?[0-9*.,/]+(:[0-9*.,/]+){{1,2}})"
    r"( [A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2})?"
)
Calendar = Annotated[
    str,
    _spelled(_CALENDAR, 'must be a time as systemd.time(7) writes it, like "Mon..Fri 02:00" or "*-*-01 03:30"'),
]
FilePath = Annotated[str, AfterValidator(_file_path)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
UuidText = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Batch = Annotated[
    int | str,
    BeforeValidator(batch),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]
