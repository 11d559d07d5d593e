"""Parts of a dump, encrypted where they are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.hostside.acts.call import ActError
from clmdeploy.hostside.acts.sealing import opens, proof, sealed, unsealed


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text("correct horse battery staple\n")
    return str(path)


def test_what_was_sealed_is_opened_again(passphrase: str) -> None:
    """Whatever bytes; the same part is never sealed to the same bytes twice."""
    plain = bytes(range(256)) * 4096 + b"\n"
    first, second = sealed(plain, passphrase), sealed(plain, passphrase)
    assert first != second
    assert plain[:64] not in first
    assert unsealed(first, passphrase) == unsealed(second, passphrase) == plain


def test_without_the_passphrase_nothing_is_sealed(tmp_path: Path) -> None:
    """It says which file lacks, and leaves nothing unencrypted."""
    with pytest.raises(ActError, match="nowhere"):
        sealed(b"plain", str(tmp_path / "nowhere"))


def test_another_passphrase_is_told_from_the_right_one(passphrase: str) -> None:
    """By what was sealed with it: the parts themselves open with any."""
    made = proof(passphrase)
    assert opens(made, passphrase)
    Path(passphrase).write_text("another\n")
    assert not opens(made, passphrase)
