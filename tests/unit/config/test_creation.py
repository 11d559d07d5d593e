"""A new environment is laid out whole and checked, or not at all."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.config.creation import GENERATED_KEY, Trusted, create
from clmdeploy.config.known_hosts import PinnedKey, parse
from clmdeploy.config.loading import load
from clmdeploy.config.scaffold import NewEnvironment, parse_host
from clmdeploy.config.signing_keys import public_key_of
from clmdeploy.model.errors import InvalidInput

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7"
PINNED = parse(f"192.0.2.1 ssh-ed25519 {KEY}\n[192.0.2.2]:2222 ssh-ed25519 {KEY}\n192.0.2.9 ssh-ed25519 {KEY}\n")[0]


def new(**changes: Any) -> NewEnvironment:
    given: dict[str, Any] = {
        "name": "branch",
        "uuid": "5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10",
        "application": "clm",
        "hosts": (parse_host("app1=192.0.2.1"), parse_host("app,worker:app2=192.0.2.2:2222")),
        "ssh_user": "root",
        "endpoint": "https://s3.example.com",
        "state_bucket": "clm-state",
        "release_bucket": "clm-releases",
        "principal": "ivanova@example.com",
        "signing_key": GENERATED_KEY,
    }
    return NewEnvironment.model_validate(given | changes)


def test_what_is_laid_out_holds(tmp_path: Path) -> None:
    """The new environment passes every check, says what it was told, and pins no key of other hosts."""
    directory = create(new(), tmp_path / "inventories", Trusted(PINNED))
    loaded = load(tmp_path / "inventories", "branch")
    assert [(host.name, host.address, host.port, host.groups) for host in loaded.hosts] == [
        ("app1", "192.0.2.1", 22, ("app",)),
        ("app2", "192.0.2.2", 2222, ("app", "worker")),
    ]
    assert "192.0.2.9" not in (directory / "known_hosts").read_text()
    assert (directory / ".gitignore").read_text().splitlines()[-1] == "secrets/"


def test_a_made_signing_key_signs(tmp_path: Path) -> None:
    """The generated key is private, and its signature verifies against the allowed_signers written with it."""
    directory = create(new(), tmp_path, Trusted(PINNED))
    key = directory / GENERATED_KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    sign = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "clmdeploy.plan"]
    signature = subprocess.run(sign, input=b"plan", check=True, capture_output=True).stdout
    (tmp_path / "signature").write_bytes(signature)
    trust = ["-f", str(directory / "allowed_signers"), "-I", "ivanova@example.com", "-n", "clmdeploy.plan"]
    verify = ["ssh-keygen", "-Y", "verify", *trust, "-s", str(tmp_path / "signature")]
    assert subprocess.run(verify, input=b"plan", check=False, capture_output=True).returncode == 0


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """An environment that exists, even as an empty directory or a dangling link, is left as it is."""
    (tmp_path / "branch").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="exists already"):
        create(new(), tmp_path, Trusted(PINNED))
    assert list(tmp_path.iterdir()) == [tmp_path / "branch"]


@pytest.mark.parametrize(
    ("changes", "pinned", "cause"),
    [
        ({}, PINNED[:1], "known_hosts: no key is pinned for app2"),
        ({"ca_file": "/nowhere/ca.pem"}, PINNED, "/nowhere/ca.pem: no such file"),
        ({"balancer_backends": {"app": "clm_web"}}, PINNED, "balancer.group: hosts.yml has no hosts in group 'lb'"),
        ({"signing_key": None}, PINNED, "allowed_signers: names nobody"),
    ],
)
def test_a_failure_leaves_nothing(
    tmp_path: Path, changes: dict[str, Any], pinned: tuple[PinnedKey, ...], cause: str
) -> None:
    """What `config check` would refuse is never put in place, and the message names the files as they would be."""
    with pytest.raises(InvalidInput) as caught:
        create(new(**changes), tmp_path, Trusted(pinned))
    assert cause in caught.value.message
    assert ".init-" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_signers_are_taken_over() -> None:
    """Existing signers are kept, the own key is added once."""
    existing = f"petrov@example.com ssh-ed25519 {KEY}"
    environment = new(signing_key="~/.ssh/id_ed25519")
    once = environment.signers_text(existing, f"ssh-ed25519 {KEY}")
    assert once == f"{existing}\nivanova@example.com ssh-ed25519 {KEY}\n"
    assert environment.signers_text(once, f"ssh-ed25519 {KEY}") == once


def test_public_halves(tmp_path: Path) -> None:
    """The public half comes from the key itself, from the file beside it, or from the public file of an agent's key."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    beside = public_key_of(key)
    assert public_key_of(tmp_path / "key.pub") == beside
    (tmp_path / "key.pub").unlink()
    assert public_key_of(key) == beside


def test_locked_keys_ask_nobody(tmp_path: Path) -> None:
    """A key with a passphrase fails at once, and the way round is named."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", str(key)], check=True)
    (tmp_path / "key.pub").unlink()
    with pytest.raises(InvalidInput, match="incorrect passphrase") as caught:
        public_key_of(key)
    assert "ssh-agent" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app1=10.0.0.1", ("app1", "10.0.0.1", 22, ("app",))),
        ("db:db1=db1.clm:2222", ("db1", "db1.clm", 2222, ("db",))),
        ("app,worker:w1=[2001:db8::1]:2200", ("w1", "2001:db8::1", 2200, ("app", "worker"))),
    ],
)
def test_hosts_on_the_command_line(text: str, expected: tuple[object, ...]) -> None:
    """[GROUP[,GROUP]:]NAME=ADDRESS[:PORT]; IPv6 stands in brackets; the default group is app."""
    host = parse_host(text)
    assert (host.name, host.address, host.port, host.groups) == expected


@pytest.mark.parametrize(
    "text", ["app1", "app1=", "=10.0.0.1", "app1=10.0.0.1:0", "app1=-oProxyCommand=x", "app 1=h", "a=b=c"]
)
def test_malformed_hosts(text: str) -> None:
    """What is no host is refused, a leading hyphen above all: ssh would take it for an option."""
    with pytest.raises(ValueError, match=r"is not \[GROUP|address holds|port must"):
        parse_host(text)
