"""OpenSSH signatures: who signed what for which purpose, and never a question to the terminal."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clmdeploy.adapters import openssh
from clmdeploy.adapters.openssh import OpenSshSigner, OpenSshVerifier
from clmdeploy.adapters.sshsig import read_facts
from clmdeploy.model.errors import ExitCode, InvalidInput
from clmdeploy.model.secret import Secret
from clmdeploy.model.signing import Namespace

DATA = "release.json: выпуск\n".encode()


@dataclass(frozen=True)
class Keys:
    """Key pairs in one directory, and the file of those who are trusted."""

    directory: Path

    def make(self, name: str, kind: str = "ed25519", passphrase: str = "") -> Path:
        path = self.directory / name
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", path], check=True)
        return path

    def trust(self, *lines: str) -> OpenSshVerifier:
        path = self.directory / "allowed_signers"
        path.write_text("".join(f"{line}\n" for line in lines))
        return OpenSshVerifier(path)

    def line(self, principal: str, key: Path, options: str = 'namespaces="clmdeploy.*"') -> str:
        kind, public, *_ = key.with_suffix(".pub").read_text().split()
        return f"{principal} {options} {kind} {public}"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
def admin(keys: Keys) -> Path:
    return keys.make("admin")


@pytest.fixture
def verifier(keys: Keys, admin: Path) -> OpenSshVerifier:
    return keys.trust("# who may sign", keys.line("admin@lab", admin))


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent without keys."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_says_who_signed(keys: Keys, kind: str) -> None:
    """A signature by a trusted key of any usual kind gives its principal."""
    key = keys.make("key", kind)
    signature = OpenSshSigner(key).sign(Namespace.PLAN, DATA)
    assert (
        keys.trust(keys.line("ivanova@example.ru", key)).verify(Namespace.PLAN, DATA, signature) == "ivanova@example.ru"
    )


def test_large_data_is_signed_whole(admin: Path, verifier: OpenSshVerifier) -> None:
    """Megabytes go through standard input; their last byte counts."""
    data = os.urandom(5_000_000)
    signature = OpenSshSigner(admin).sign(Namespace.RELEASE, data)
    assert verifier.verify(Namespace.RELEASE, data, signature) == "admin@lab"
    with pytest.raises(InvalidInput):
        verifier.verify(Namespace.RELEASE, data[:-1] + bytes([data[-1] ^ 1]), signature)


@pytest.mark.parametrize(
    "spelling", [str, str.strip, lambda text: text.replace("\n", "\r\n"), lambda text: f"\n{text}\n\n"]
)
def test_a_key_may_come_as_text(admin: Path, verifier: OpenSshVerifier, spelling: object) -> None:
    """A CI variable that lost its last line feed, or has CR LF, works; no file is left anywhere."""
    text = spelling(admin.read_text())  # type: ignore[operator]
    signature = OpenSshSigner(Secret(text)).sign(Namespace.RELEASE, DATA)
    assert verifier.verify(Namespace.RELEASE, DATA, signature) == "admin@lab"


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("named", ["public", "private"])
def test_the_key_may_live_in_an_agent(keys: Keys, named: str) -> None:
    """With the key in ssh-agent, its .pub file suffices, and a passphrase is no hindrance."""
    key = keys.make("guarded", passphrase="correct horse")
    helper = keys.directory / "askpass"
    helper.write_text("#!/bin/sh\necho 'correct horse'\n")
    helper.chmod(0o700)
    asked = {**os.environ, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", key], check=True, env=asked)
    if named == "public":
        key.rename(keys.directory / "elsewhere")
    path = key.with_suffix(".pub") if named == "public" else key
    signature = OpenSshSigner(path).sign(Namespace.RELEASE, DATA)
    assert keys.trust(keys.line("admin@lab", key)).verify(Namespace.RELEASE, DATA, signature) == "admin@lab"


def test_a_passphrase_is_never_asked_for(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """A protected key without an agent is refused at once, even where a terminal or a helper could answer."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("SSH_ASKPASS", "/bin/echo")
    monkeypatch.setenv("DISPLAY", ":0")
    key = keys.make("guarded", passphrase="correct horse")
    for given_as in (key, Secret(key.read_text())):
        with pytest.raises(InvalidInput, match="it has a passphrase") as caught:
            # The first line of the data would be taken for the passphrase if ssh-keygen read standard input.
            OpenSshSigner(given_as).sign(Namespace.RELEASE, b"correct horse\nmore")
        assert "ssh-add" in caught.value.hint


def test_no_key_stands_in_any_message(keys: Keys) -> None:
    """A key that can't be used is named by where it came from."""
    with pytest.raises(InvalidInput) as caught:
        OpenSshSigner(Secret("-----BEGIN OPENSSH PRIVATE KEY-----\nnot-a-key-at-all\n")).sign(Namespace.RELEASE, DATA)
    assert "given as text" in caught.value.message
    assert "not-a-key" not in caught.value.message + caught.value.hint
    with pytest.raises(InvalidInput, match="none does not exist") as caught:
        OpenSshSigner(keys.directory / "none").sign(Namespace.RELEASE, DATA)
    assert caught.value.exit_code is ExitCode.INVALID


def test_a_key_that_others_may_read_is_refused_with_the_remedy(admin: Path) -> None:
    """chmod 600, and which file."""
    admin.chmod(0o644)
    with pytest.raises(InvalidInput) as caught:
        OpenSshSigner(admin).sign(Namespace.RELEASE, DATA)
    assert f"chmod 600 {admin}" in caught.value.hint


def test_changed_data_is_refused(admin: Path, verifier: OpenSshVerifier) -> None:
    """Whose signature it is, and that the data is not what was signed."""
    signature = OpenSshSigner(admin).sign(Namespace.PLAN, DATA)
    with pytest.raises(InvalidInput, match=r"not what admin@lab \(SHA256:.*\) signed for clmdeploy\.plan"):
        verifier.verify(Namespace.PLAN, DATA + b" ", signature)


def test_a_signature_for_another_purpose_is_refused(admin: Path, verifier: OpenSshVerifier) -> None:
    """An approval is no release: both namespaces are named."""
    signature = OpenSshSigner(admin).sign(Namespace.APPROVAL, DATA)
    with pytest.raises(InvalidInput, match=r"is for clmdeploy\.approval, not for clmdeploy\.release"):
        verifier.verify(Namespace.RELEASE, DATA, signature)


def test_an_unknown_key_is_refused_by_its_fingerprint(keys: Keys, verifier: OpenSshVerifier) -> None:
    """The fingerprint is what `ssh-keygen -l` shows, so that its holder can be found."""
    stranger = keys.make("stranger")
    signature = OpenSshSigner(stranger).sign(Namespace.RELEASE, DATA)
    shown = (
        subprocess.run(["ssh-keygen", "-l", "-f", stranger], capture_output=True, check=True).stdout.split()[1].decode()
    )
    with pytest.raises(InvalidInput) as caught:
        verifier.verify(Namespace.RELEASE, DATA, signature)
    assert f"the key {shown} is not among the valid keys" in caught.value.message
    assert str(verifier.allowed_signers) in caught.value.message


def test_a_key_not_permitted_for_the_purpose_is_refused(keys: Keys, admin: Path) -> None:
    """allowed_signers may bind a key to some namespaces."""
    verifier = keys.trust(keys.line("ci@lab", admin, 'namespaces="clmdeploy.release"'))
    assert verifier.verify(Namespace.RELEASE, DATA, OpenSshSigner(admin).sign(Namespace.RELEASE, DATA)) == "ci@lab"
    with pytest.raises(InvalidInput, match=r"ci@lab .* is not permitted for clmdeploy\.plan"):
        verifier.verify(Namespace.PLAN, DATA, OpenSshSigner(admin).sign(Namespace.PLAN, DATA))


@pytest.mark.parametrize("options", ['valid-before="20200101"', 'valid-after="20990101"'])
def test_a_key_outside_its_time_is_refused(keys: Keys, admin: Path, options: str) -> None:
    """Keys that are retired, or not yet in use."""
    verifier = keys.trust(keys.line("admin@lab", admin, options))
    with pytest.raises(InvalidInput, match="not among the valid keys"):
        verifier.verify(Namespace.RELEASE, DATA, OpenSshSigner(admin).sign(Namespace.RELEASE, DATA))


def test_a_pattern_names_nobody(keys: Keys, admin: Path) -> None:
    """A journal and four eyes need a person's name, not a pattern."""
    verifier = keys.trust(keys.line("*@lab", admin))
    with pytest.raises(InvalidInput, match="names the pattern"):
        verifier.verify(Namespace.RELEASE, DATA, OpenSshSigner(admin).sign(Namespace.RELEASE, DATA))


def test_one_key_is_always_the_same_principal(keys: Keys, admin: Path) -> None:
    """A key listed under two names is the first one: nobody approves their own plan under a second name."""
    verifier = keys.trust(keys.line("first@lab", admin), keys.line("second@lab", admin))
    assert verifier.verify(Namespace.PLAN, DATA, OpenSshSigner(admin).sign(Namespace.PLAN, DATA)) == "first@lab"


@pytest.mark.parametrize("content", ["", "# nobody\n", "garbage\n", "\0\n", "admin@lab ssh-ed25519 AAAA\n"])
def test_an_empty_or_broken_list_trusts_nobody(keys: Keys, admin: Path, content: str) -> None:
    """Whatever stands in allowed_signers, an unlisted key is refused."""
    verifier = keys.trust(content)
    with pytest.raises(InvalidInput, match="not among the valid keys"):
        verifier.verify(Namespace.RELEASE, DATA, OpenSshSigner(admin).sign(Namespace.RELEASE, DATA))


def test_a_missing_list_is_named(keys: Keys, admin: Path) -> None:
    """Without allowed_signers nothing is trusted, and the remedy says what goes in there."""
    verifier = OpenSshVerifier(keys.directory / "gone" / "allowed_signers")
    with pytest.raises(InvalidInput, match="gone/allowed_signers: no such file") as caught:
        verifier.verify(Namespace.RELEASE, DATA, OpenSshSigner(admin).sign(Namespace.RELEASE, DATA))
    assert "trust.allowed_signers" in caught.value.hint


def test_any_changed_byte_of_a_signature_is_refused(admin: Path, verifier: OpenSshVerifier) -> None:
    """Each byte, line ends included: base64 alone would let some changes through."""
    honest = OpenSshSigner(admin).sign(Namespace.RELEASE, DATA)
    assert verifier.verify(Namespace.RELEASE, DATA, honest) == "admin@lab"
    for place in range(len(honest)):
        for changed in (honest[place] ^ 1, ord(" ")):
            other = honest[:place] + bytes([changed]) + honest[place + 1 :]
            if other != honest:
                with pytest.raises(InvalidInput):
                    verifier.verify(Namespace.RELEASE, DATA, other)


def _armoured(blob: bytes) -> bytes:
    text = base64.encodebytes(b"SSHSIG\0\0\0\1" + blob)
    return b"-----BEGIN SSH SIGNATURE-----\n" + text + b"-----END SSH SIGNATURE-----\n"


@given(st.binary(max_size=300) | st.binary(max_size=200).map(_armoured))
@example(b"x" * 1_000_000)
@example(b"")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_are_no_signature(verifier: OpenSshVerifier, signature: bytes) -> None:
    """Malformed, cut, oversized: InvalidInput, with a printable message."""
    with pytest.raises(InvalidInput) as caught:
        verifier.verify(Namespace.RELEASE, DATA, signature)
    assert caught.value.message.isprintable()


def test_a_signature_tells_its_claims(admin: Path) -> None:
    """Namespace and fingerprint are read without running anything."""
    facts = read_facts(OpenSshSigner(admin).sign(Namespace.JOURNAL, DATA))
    assert facts.namespace == "clmdeploy.journal"
    assert facts.fingerprint.startswith("SHA256:")


def test_a_missing_ssh_keygen_is_named(admin: Path) -> None:
    """Which program, and the package that has it."""
    with pytest.raises(InvalidInput, match="no-such-keygen is not installed") as caught:
        OpenSshSigner(admin, program="no-such-keygen").sign(Namespace.RELEASE, DATA)
    assert "openssh-client" in caught.value.hint


def test_a_token_that_nobody_touches_is_given_up_on(
    admin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh-keygen that waits for its user is ended after its time."""
    monkeypatch.setattr(openssh, "_SIGN_SECONDS", 0.2)
    waiting = tmp_path / "waiting"
    waiting.write_text("#!/bin/sh\nexec sleep 60\n")
    waiting.chmod(0o700)
    with pytest.raises(InvalidInput, match=r"did not answer within 0\.2 seconds"):
        OpenSshSigner(admin, program=str(waiting)).sign(Namespace.RELEASE, DATA)


def test_ssh_keygen_sees_no_secrets_of_the_environment(
    admin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither storage keys nor the signing key itself are handed on in variables or arguments."""
    monkeypatch.setenv("CLM_S3_SECRET_KEY", "storage-secret")
    key = admin.read_text()
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen\necho "$@" >> {tmp_path}/seen\nexec ssh-keygen "$@"\n')
    spy.chmod(0o700)
    OpenSshSigner(Secret(key), program=str(spy)).sign(Namespace.RELEASE, DATA)
    seen = (tmp_path / "seen").read_text()
    assert "clmdeploy.release" in seen
    assert "storage-secret" not in seen
    assert key.splitlines()[2] not in seen
