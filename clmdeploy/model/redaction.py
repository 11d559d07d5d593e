"""Takes out of foreign text what looks like a secret, before it goes to people who may see everything else.

It errs on the safe side: a harmless word behind `token=` is lost as well. Pure; redacting twice changes nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import takewhile

from clmdeploy.model.secret import REDACTED
from clmdeploy.model.value import JsonValue

# Every repetition is bounded: a log may hold anything, and half a megabyte of it must not take minutes.
_WORD = r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credential|(?:api|access|private)[_-]?key|PGPASS|парол|секрет)"
_QUOTED = (
    r"""(?:"(?:\\.|[^"\\\n]){0,2000}"|'(?:\\.|[^'\\\n]){0,2000}'|\\{1,8}["'](?:(?!\\{1,8}["']).){0,2000}\\{1,8}["'])"""
)
_REST = r"""[^\s,;:)\]}&"'\\]"""  # what may stand right behind a quotation and still belong to it, as in a shell
_VALUE = rf"(?:{re.escape(REDACTED)}(?!{_REST})|{_QUOTED}(?:{_QUOTED}|{_REST}){{0,500}}|\S+)"
_LIST = rf"\[[^\]\n]{{1,2000}}\](?:{_QUOTED}|{_REST}){{0,500}}"
_CLOSED = r"(?:\\{0,8}[\"'])?\s{0,8}"


def _login(found: re.Match[str]) -> str:
    """USER:PASSWORD without the password; without a colon it is a name alone."""
    user, colon, _ = found[2].partition(":")
    quotation = "".join(takewhile("\\\"'".__contains__, user))
    return f"{found[1]}{user}:{REDACTED}{quotation}" if colon else found[0]


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # The password of an address: postgresql://clm:PASSWORD@db1/clm. It may hold what should have been escaped;
        # a number with a path behind it is a port.
        (r"(://[^\s/?#:@\"'\\]{0,200}:)(?:(?!\d{1,5}/)[^\s?\"'\\]{1,500}|[^\s/\"'\\]{1,500})@", rf"\1{REDACTED}@"),
        # What makes an address a presigned one.
        (r"((?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|[?&]Signature|[?&]sig)(?:=|%3D))[^&\s\"'\\]+",
         rf"\1{REDACTED}"),
        (rf"((?:authorization|cookie){_CLOSED}[=:]\s{{0,8}}).+", rf"\1{REDACTED}"),
        (r"\b(bearer|basic)\s{1,8}(?=[^\s\d]{0,200}\d)[\w.~+/=-]{8,}", rf"\1 {REDACTED}"),
        # NAME=VALUE, NAME: VALUE, "NAME": "VALUE", "NAME": ["VALUE", ...], <NAME>VALUE< and --NAME VALUE
        (rf"({_WORD}[\w-]{{0,40}}{_CLOSED}(?:=>|=|:)\s{{0,8}})(?:{_LIST}|{_VALUE})", rf"\1{REDACTED}"),
        (rf"(<[\w:.-]{{0,40}}{_WORD}[\w.-]{{0,40}}(?:\s[^<>\n]{{0,200}})?>)[^<\n]{{1,2000}}", rf"\1{REDACTED}"),
        (rf"(?<![\w-])(--?[\w-]{{0,40}}{_WORD}[\w-]{{0,40}}\s{{1,8}})(?!-){_VALUE}", rf"\1{REDACTED}"),
        # SQL: PASSWORD 'VALUE' and IDENTIFIED BY 'VALUE'
        (rf"\b((?:password|identified\s{{1,8}}by)\s{{1,8}})(?=\\{{0,8}}[\"']){_VALUE}", rf"\1{REDACTED}"),
        # curl -u USER:VALUE, and mysql -pVALUE
        (rf"((?<![\w-])(?:-u|--(?:proxy-)?user)[\s=]{{1,8}})({_QUOTED}|[^\s:\"'\\]{{1,100}}:\S+)", _login),
        (rf"(\b(?:mysql|mariadb)[\w-]{{0,20}}\s(?:[^\n]{{0,300}}?\s)?(?-i:-p))(?=\S){_VALUE}", rf"\1{REDACTED}"),
        # Keys that show what they are: of AWS, GitLab, GitHub, Slack, and JSON web tokens.
        (r"\b(?:A[KS]IA[0-9A-Z]{16}|glpat-[\w-]{16,}|gh[pousr]_\w{20,}|xox[a-z]-[\w-]{10,})\b", REDACTED),
        (r"(?<![\w-])eyJ[\w-]{8,4000}\.[\w-]{8,}\.[\w-]*", REDACTED),
    )
)  # fmt: skip
_SECRET_NAME = re.compile(_WORD, re.IGNORECASE)
_MARKER = re.compile(r"-----(BEGIN|END) [A-Z ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINES = 120  # a private key of 4096 bits has 50
_LONG = re.compile(r"(?<![A-Za-z0-9+/])(?![0-9a-fA-F]+(?![A-Za-z0-9+/]))[A-Za-z0-9+/]{60,}={0,2}")


def redact_text(text: str) -> str:
    """`text` without passwords, tokens, presigned addresses and private keys."""
    redacted = "".join(_without_keys(text))
    for pattern, replacement in _RULES:
        redacted = pattern.sub(replacement, redacted)
    return redacted


def redact_log(text: str) -> str:
    """Of a log also long runs of base64: pieces of keys whose beginning was logged elsewhere."""
    return _LONG.sub(REDACTED, redact_text(text))


def redact_json(value: JsonValue, redact: Callable[[str], str] = redact_text) -> JsonValue:
    """A JSON value with `redact` applied to all its strings, and strings under a secret's name gone altogether."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_json(one, redact) for one in value]
    if isinstance(value, dict):
        return {redact(key): _member(key, one, redact) for key, one in value.items()}
    return value


def _member(key: str, value: JsonValue, redact: Callable[[str], str]) -> JsonValue:
    if _SECRET_NAME.search(key):
        if isinstance(value, str) and value:
            return REDACTED
        if isinstance(value, list):
            return [_member(key, one, redact) for one in value]
    return redact_json(value, redact)


def _without_keys(text: str) -> Iterator[str]:
    """Private keys, each line perhaps behind the name of who logged it; of one that was cut off, what is left of it."""
    position = 0
    while marker := _MARKER.search(text, position):
        before = text[position : marker.start()]
        if marker[1] == "BEGIN":
            yield before
            position = _end_of_key(text, marker.end())
        else:  # its beginning was cut off
            yield "".join(before.splitlines(keepends=True)[:-_KEY_LINES])
            position = marker.end()
        yield REDACTED
    yield text[position:]


def _end_of_key(text: str, start: int) -> int:
    """Behind its end marker; where that was cut off, as many lines further as a key can have."""
    following = _MARKER.search(text, start)
    if following:
        return following.end() if following[1] == "END" else following.start()
    return start + sum(len(line) for line in text[start:].splitlines(keepends=True)[: _KEY_LINES + 1])
