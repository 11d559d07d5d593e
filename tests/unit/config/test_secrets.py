"""Secrets by reference, resolved late and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from clmdeploy.config.secrets import SecretReference, resolve
from clmdeploy.model.errors import InvalidInput


def refusal(reference: SecretReference, directory: Path, environ: dict[str, str]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        resolve(reference, directory, environ, key="storage.secret_key")
    assert caught.value.message.startswith(f"{directory}/clm.yml: storage.secret_key: ")
    return caught.value


def test_from_the_environment(tmp_path: Path) -> None:
    """A variable's value is the secret; an unset or empty one is named."""
    reference = SecretReference(env="CLM_KEY")
    assert resolve(reference, tmp_path, {"CLM_KEY": "word"}).reveal() == "word"
    for environ in ({}, {"CLM_KEY": ""}):
        error = refusal(reference, tmp_path, environ)
        assert "environment variable CLM_KEY is not set" in error.message
        assert "set CLM_KEY" in error.hint


@pytest.mark.parametrize(("text", "secret"), [("word\n", "word"), ("word", "word"), ("a\nb\n", "a\nb\n")])
def test_from_a_file(tmp_path: Path, text: str, secret: str) -> None:
    """A single line loses its newline; a key of many lines keeps all of them, as OpenSSH demands."""
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    assert resolve(SecretReference(file="key"), tmp_path, {}).reveal() == secret


def test_files_that_everybody_reads_are_refused(tmp_path: Path) -> None:
    """A secret that every account can read is none; the remedy is a command. A public key may be readable."""
    for name in ("key", "key.pub"):
        (tmp_path / name).write_text("word")
        (tmp_path / name).chmod(0o644)
    error = refusal(SecretReference(file="key"), tmp_path, {})
    assert (f"{tmp_path}/key can be read" in error.message, error.hint) == (True, f"chmod 600 {tmp_path}/key")
    assert resolve(SecretReference(file="key.pub"), tmp_path, {}).reveal() == "word"


def test_missing_and_endless_files(tmp_path: Path) -> None:
    """A file that isn't there, or can't be a secret, is named."""
    for name in ("none", "none.pub"):
        assert f"/{name}: no such file" in refusal(SecretReference(file=name), tmp_path, {}).message
    assert "is not a regular file" in refusal(SecretReference(file="/dev/zero"), tmp_path, {}).message


def test_from_a_vault(tmp_path: Path) -> None:
    """ansible-vault's ciphertext opens with the password file, and only with the right one."""
    ciphertext = VaultLib([("default", VaultSecret(b"open sesame"))]).encrypt("word").decode()
    reference = SecretReference(vault=ciphertext)
    for name, password in (("right", "open sesame\n"), ("wrong", "shut sesame\n")):
        (tmp_path / name).write_text(password)
    found = resolve(reference, tmp_path, {"ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "right")})
    assert found.reveal() == "word"
    assert "the vault is locked" in refusal(reference, tmp_path, {}).message
    for name in ("wrong", "missing"):
        error = refusal(reference, tmp_path, {"ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / name)})
        assert "the vault doesn't open" in error.message


def test_references_are_shown_without_ciphertext(tmp_path: Path) -> None:
    """`config show` prints where a secret is, and asterisks for one that is carried along."""
    assert SecretReference(env="CLM_KEY").shown() == {"env": "CLM_KEY"}
    assert SecretReference(vault="$ANSIBLE_VAULT;1.1;AES256\n33").shown() == {"vault": "********"}
    assert SecretReference(file="k").path(tmp_path) == tmp_path / "k"
    assert SecretReference(env="CLM_KEY").path(tmp_path) is None
