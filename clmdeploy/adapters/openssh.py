"""Signatures by OpenSSH's own ssh-keygen: keys may lie in a file, in an agent or token, or in a CI variable.

ssh-keygen never gets to ask: it runs without a terminal, and its passphrase helper is `false`.
(SSH_ASKPASS_REQUIRE=never would make it read a passphrase from standard input, where the data to be signed comes from.)
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.adapters.sshsig import SignatureFacts, read_facts
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable
from clmdeploy.model.secret import Secret

_SIGN_SECONDS = 60  # a token may want to be touched
_VERIFY_SECONDS = 20
_PATTERN = frozenset("*?!")


@dataclass(frozen=True)
class OpenSshSigner:
    """Signs with one key: the path of a private key, of a public key whose private half an agent holds, or its text."""

    key: Path | Secret
    program: str = "ssh-keygen"

    def sign(self, namespace: str, data: bytes) -> bytes:
        """An armoured signature. Raises InvalidInput when the key can't be used without a question."""
        with _key_file(self.key) as (path, descriptors):
            arguments = [self.program, "-Y", "sign", "-f", path, "-n", namespace]
            done = _run(arguments, data, descriptors, _SIGN_SECONDS)
        if done.returncode != 0:
            raise self._refused(done.stderr)
        return done.stdout

    def _refused(self, stderr: bytes) -> InvalidInput:
        cause = _last_line(stderr)
        hint = "trust.signing_key must name an OpenSSH private key, or the .pub file of a key that ssh-agent holds"
        if "passphrase" in cause:
            cause, hint = "it has a passphrase", "put it into ssh-agent first: ssh-add KEY; it is never asked for"
        elif isinstance(self.key, Path) and self.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            hint = f"if others may read it, ssh-keygen refuses it: chmod 600 {self.key}"
        return InvalidInput(f"the signing key {_name(self.key)} can't be used: {cause}", hint)


@dataclass(frozen=True)
class OpenSshVerifier:
    """Trusts the keys of one allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS)."""

    allowed_signers: Path
    program: str = "ssh-keygen"

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        """The principal who signed `data` for `namespace`.

        Raises InvalidInput for a malformed signature, one made for another namespace, a key that is unknown or not
        (any more) permitted, and changed data; each says which.
        """
        facts = read_facts(signature)
        if facts.namespace != namespace:
            raise InvalidInput(
                f"the signature by {facts.fingerprint} is for {facts.namespace}, not for {namespace}",
                "a signature made for one purpose counts for no other: sign again for this one",
            )
        if not self.allowed_signers.is_file():
            raise InvalidInput(
                f"{self.allowed_signers}: no such file, so no signature can be trusted",
                "list principals and public keys there, one `PRINCIPAL KEYTYPE KEY` a line (trust.allowed_signers)",
            )
        with _sealed(signature) as descriptor:
            principal = self._principal(descriptor, facts)
            self._check(namespace, data, descriptor, principal, facts)
        return principal

    def _principal(self, signature: int, facts: SignatureFacts) -> str:
        found = self._keygen("find-principals", signature, b"", "-f", str(self.allowed_signers))
        names = found.stdout.decode(errors="replace").splitlines()
        if found.returncode != 0 or not names:
            raise InvalidInput(
                f"the key {facts.fingerprint} is not among the valid keys of {self.allowed_signers}",
                "if its holder is to be trusted, add a line with principal and public key there",
            )
        if _PATTERN & set(names[0]):
            raise InvalidInput(
                f"{self.allowed_signers} names the pattern {printable(names[0], 80)} for {facts.fingerprint}",
                "write the principal's own name there: a journal must say who signed",
            )
        return names[0]

    def _check(self, namespace: str, data: bytes, signature: int, principal: str, facts: SignatureFacts) -> None:
        trusted = ("-f", str(self.allowed_signers), "-I", principal, "-n", namespace)
        if self._keygen("verify", signature, data, *trusted).returncode == 0:
            return
        intact = self._keygen("check-novalidate", signature, data, "-n", namespace).returncode == 0
        who = f"{printable(principal, 80)} ({facts.fingerprint})"
        if intact:
            raise InvalidInput(
                f"the key of {who} is not permitted for {namespace}", f"see its line in {self.allowed_signers}"
            )
        raise InvalidInput(f"the data is not what {who} signed for {namespace}", "fetch it anew; don't use this one")

    def _keygen(self, action: str, signature: int, data: bytes, *more: str) -> subprocess.CompletedProcess[bytes]:
        arguments = [self.program, "-Y", action, "-s", _descriptor_path(signature), *more]
        return _run(arguments, data, [signature], _VERIFY_SECONDS)


def _run(
    arguments: Sequence[str], data: bytes, descriptors: Sequence[int], seconds: int
) -> subprocess.CompletedProcess[bytes]:
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER") if name in os.environ
    }
    environment = kept | {"LC_ALL": "C", "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
    try:
        return subprocess.run(
            arguments,
            input=data,
            capture_output=True,
            check=False,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,
            timeout=seconds,
        )
    except FileNotFoundError as error:
        raise InvalidInput(f"{arguments[0]} is not installed", "apt install openssh-client") from error
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(
            f"{arguments[0]} did not answer within {seconds} seconds", "does ssh-agent or a token wait for its user?"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in a path
        raise InvalidInput(f"{arguments[0]} can't be started: {error}") from error


@contextmanager
def _key_file(key: Path | Secret) -> Iterator[tuple[str, list[int]]]:
    if isinstance(key, Path):
        if not key.is_file():
            raise InvalidInput(f"the signing key {key} does not exist", "see trust.signing_key in clm.yml")
        yield str(key), []
        return
    # CI variables often lose the last line feed, or come with CR LF; ssh-keygen insists on plain lines.
    text = key.reveal().replace("\r\n", "\n").strip() + "\n"
    with _sealed(text.encode()) as descriptor:
        yield _descriptor_path(descriptor), [descriptor]


@contextmanager
def _sealed(content: bytes) -> Iterator[int]:
    """A file in memory only, which no other account can open and which even a SIGKILL leaves nothing of."""
    descriptor = os.memfd_create("clmdeploy", os.MFD_CLOEXEC)
    with open(descriptor, "wb", buffering=0) as file:
        os.fchmod(descriptor, 0o600)  # ssh-keygen refuses a private key that others may read
        file.write(content)
        yield descriptor


def _descriptor_path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _name(key: Path | Secret) -> str:
    return str(key) if isinstance(key, Path) else "given as text"


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return printable(lines[-1], 200) if lines else "ssh-keygen says nothing"
