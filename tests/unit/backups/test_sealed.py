"""Documents under a signature: nothing is believed that a trusted key did not sign for restore points."""

from __future__ import annotations

import json

import pytest

from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.sealed import seal as sealed
from clmdeploy.backups.sealed import unseal
from clmdeploy.model.bilingual import russian
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.model.signing import Namespace
from clmdeploy.model.value import canonical_json

from .conftest import Seal, make_point


def test_what_was_sealed_is_believed(seal: Seal) -> None:
    """Document and principal come back."""
    body, principal = sealed(make_point(), seal, seal)
    assert unseal(RestorePoint, body, seal, "the key") == (make_point(), principal)


def test_nobody_seals_what_nobody_would_believe(seal: Seal, stranger: Seal) -> None:
    """An unknown key is noticed before a point is published under it."""
    with pytest.raises(InvalidInput):
        sealed(make_point(), stranger, seal)


def _with(seal: Seal, key: str, value: object) -> bytes:
    document = make_point().model_dump(mode="json") | {key: value}
    signature = seal.sign(Namespace.POINT, canonical_json(document)).decode()
    return canonical_json({"document": document, "signature": signature})


def _tampered(seal: Seal) -> bytes:
    document = json.loads(sealed(make_point(), seal, seal)[0])
    document["document"]["release"] = "6.6.6-00000000"
    return canonical_json(document)


RUBBISH = [
    b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"document":1,"signature":"x"}',
    b'{"document":{"a":NaN},"signature":"x"}', b'{"document":{"a":"\\ud800"},"signature":"x"}',
    b'{"document":{},"signature":"\\ud800"}', b'{"document":{},"signature":"x","more":1}',
]  # fmt: skip


@pytest.mark.parametrize("body", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_is_refused_by_name(seal: Seal, body: bytes) -> None:
    """Whatever lies there, the message names the object, and no other error comes of it."""
    with pytest.raises(VerificationFailed, match=r"^lab/points/x\.json ") as caught:
        unseal(RestorePoint, body, seal, "lab/points/x.json")
    assert russian(caught.value.message) != caught.value.message


def test_what_was_changed_later_is_refused(seal: Seal, stranger: Seal) -> None:
    """One byte, a key that nobody trusts, a field that this version does not know, a log that can't be."""
    wal = make_point().database.model_dump(mode="json") | {"timeline": 9}
    for body in (
        _tampered(seal),
        _with(stranger, "reason", ""),
        _with(seal, "status", "x"),
        _with(seal, "database", wal),
    ):
        with pytest.raises(VerificationFailed, match="not to be believed"):
            unseal(RestorePoint, body, seal, "the key")
