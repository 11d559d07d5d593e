"""What is known to be secret never passes, however it is spelt."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from clmdeploy.adapters.redactor import redactor
from clmdeploy.model.redaction import redact_json
from clmdeploy.model.secret import REDACTED, Secret

VALUE = 'wJalr/XUtn+FEMI "ключ" K7'


@pytest.mark.parametrize(
    "spelt",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        quote(VALUE, safe=""),
        quote_plus(VALUE),
    ],
)
def test_every_spelling_goes(spelt: str) -> None:
    """In text, JSON and addresses."""
    assert redactor([Secret(VALUE)])(f"a {spelt} b") == f"a {REDACTED} b"


@pytest.mark.parametrize("before", ["", "u:", "user:", "users:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_an_encoded_one_goes(before: str, encode: Callable[[bytes], bytes]) -> None:
    """By itself or behind a user's name, as a header has it: what hangs on it alone goes, wherever it begins."""
    encoded = encode(f"{before}{VALUE}".encode()).decode()
    said = redactor([Secret(VALUE)], rules=str)(f"a {encoded} b")
    assert REDACTED in said
    assert len(said) <= len("a  b") + len(REDACTED) + len(b64encode(before.encode())) + 3


def test_every_line_of_a_key_goes() -> None:
    """Logs show keys line by line; their armour is no secret."""
    key = "-----BEGIN X-----\nfirst-line-of-it\nsecond-line\n-----END X-----\n"
    redact = redactor([Secret(key)])
    assert redact("found second-line here") == f"found {REDACTED} here"
    assert redact("-----BEGIN X-----") == "-----BEGIN X-----"


def test_a_secret_within_another_leaves_no_rest() -> None:
    """The longest goes first."""
    assert redactor([Secret("abcd"), Secret("abcdefgh")])("abcdefgh abcd") == f"{REDACTED} {REDACTED}"


def test_what_is_too_short_to_be_one_is_left() -> None:
    """Else every word would be garbled."""
    assert redactor([Secret("a"), Secret("")])("a banana") == "a banana"


def test_the_rules_apply_as_well() -> None:
    """What nobody knows is found by its looks; JSON keeps its shape."""
    redact = redactor([Secret("hunter2")])
    assert redact_json({"a": ["hunter2", "password=other"]}, redact) == {"a": [REDACTED, f"password={REDACTED}"]}
