"""The envelope of everything that is stored under a signature: what is in it is what was stored, or it is refused."""

from __future__ import annotations

import json

import pytest

from clmdeploy.changes.envelope import opened, sealed
from clmdeploy.model.bilingual import russian
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.signing import Namespace
from clmdeploy.model.value import Value
from tests.unit.backups.conftest import Seal


class Note(Value):
    """Something to sign."""

    text: str


def test_what_was_sealed_opens_with_the_bytes_that_were_signed() -> None:
    """And the principal who signed them; the stored bytes are canonical."""
    body, principal = sealed("note", Note(text="да"), Namespace.POINT, Seal(), Seal())
    envelope = opened("note", body)
    assert (envelope.stated, envelope.signed) == ({"text": "да"}, '{"text":"да"}'.encode())
    assert envelope.verified(Namespace.POINT, Seal()) == principal == "admin@lab"
    with pytest.raises(InvalidInput):
        envelope.verified(Namespace.PLAN, Seal())


def test_what_a_later_version_adds_stays_signed() -> None:
    """What is checked is what was stored, in whatever spelling."""
    signature = Seal().sign(Namespace.POINT, b'{"new":1,"text":"x"}').decode()
    body = json.dumps({"signature": signature, "note": {"text": "x", "new": 1}}, indent=2).encode()
    assert opened("note", body).verified(Namespace.POINT, Seal()) == "admin@lab"


def test_what_stands_beside_is_told_apart() -> None:
    """Only where it is expected."""
    body = b'{"signature":"s","note":{},"digest":"d"}'
    assert opened("note", body, beside=("digest", "format")).beside == {"digest": "d"}
    with pytest.raises(InvalidInput, match="no signed document"):
        opened("note", body)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"note":1,"signature":"x"}', b'{"note":{}}',
        b'{"note":{"a":NaN},"signature":"x"}', b'{"note":{"a":"\\ud800"},"signature":"x"}',
        b'{"note":{},"signature":"\\ud800"}', b'{"note":{},"signature":1}', b'{"other":{},"signature":"x"}',
    ],
    ids=range(12),
)  # fmt: skip
def test_rubbish_is_refused_in_both_languages(body: bytes) -> None:
    """Whatever lies there, no other error comes of it."""
    with pytest.raises(InvalidInput) as caught:
        opened("note", body)
    assert russian(caught.value.message) != caught.value.message
