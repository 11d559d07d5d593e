"""Pinned host keys: what OpenSSH and paramiko understand alike, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import paramiko
import pytest

from clmdeploy.config.known_hosts import keys_of, parse
from clmdeploy.model.hosts import Host

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAID4j6BYAOVlKM4lPZWThsTSLvXoAiNQsSstz7q7VnACd"


def host(address: str, port: int = 22) -> Host:
    return Host(name="app1", address=address, port=port)


def test_a_port_is_part_of_the_name() -> None:
    """A key pinned for port 22 is not accepted from an sshd on another port of the same address."""
    keys, faults = parse(f"192.0.2.1,app1 ssh-ed25519 {KEY}\n[192.0.2.1]:2222 ssh-ed25519 {OTHER} comment\n")
    assert faults == []
    assert [key.encoded for key in keys_of(host("192.0.2.1"), keys)] == [KEY]
    assert [key.encoded for key in keys_of(host("APP1"), keys)] == [KEY]
    assert [key.encoded for key in keys_of(host("192.0.2.1", 2222), keys)] == [OTHER]
    assert keys_of(host("192.0.2.2"), keys) == ()


def test_hashed_names_match(tmp_path: Path) -> None:
    """A file that ssh-keygen has hashed works as before, and paramiko finds the same key in it."""
    file = tmp_path / "known_hosts"
    file.write_text(f"192.0.2.1 ssh-ed25519 {KEY}\n[192.0.2.1]:2222 ssh-ed25519 {OTHER}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    keys, faults = parse(file.read_text())
    assert faults == []
    assert "192.0.2.1" not in file.read_text()
    assert [key.encoded for key in keys_of(host("192.0.2.1", 2222), keys)] == [OTHER]
    found = paramiko.HostKeys(str(file)).lookup("[192.0.2.1]:2222")
    assert found is not None
    assert found["ssh-ed25519"].get_base64() == OTHER


def test_fingerprints_are_openssh_s(tmp_path: Path) -> None:
    """What people compare is what ssh-keygen prints on the host."""
    (tmp_path / "k").write_text(f"192.0.2.1 ssh-ed25519 {KEY}\n")
    printed = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k")], check=True, capture_output=True, text=True)
    assert parse(f"192.0.2.1 ssh-ed25519 {KEY}\n")[0][0].fingerprint == printed.stdout.split()[1]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (f"@revoked 192.0.2.1 ssh-ed25519 {KEY}", "marker lines (@revoked) can't be used"),
        (f"@cert-authority *.clm ssh-ed25519 {KEY}", "marker lines (@cert-authority) can't be used"),
        (f"*.clm ssh-ed25519 {KEY}", "patterns (* ? !) can't be used"),
        (f"!192.0.2.1 ssh-ed25519 {KEY}", "patterns (* ? !) can't be used"),
        ("192.0.2.1 ssh-ed25519", "expects NAMES KEYTYPE KEY"),
        (f"192.0.2.1 ssh-dss {KEY}", "key type 'ssh-dss' is not one of"),
        (f"192.0.2.1 ssh-rsa {KEY}", "the key is not of the type it says (ssh-rsa)"),
        (f"192.0.2.1 ssh-ed25519 {KEY[:-4]}", "the key is cut short or damaged"),
        ("192.0.2.1 ssh-ed25519 k€y", "the key is not base64"),
    ],
)
def test_lines_that_would_mislead_are_refused(line: str, cause: str) -> None:
    """A line that one of the two programs would read otherwise, or not at all, is a fault with its number."""
    keys, faults = parse(f"# comment\n\n{line}\n")
    assert keys == ()
    assert [number for number, _ in faults] == [3]
    assert faults[0][1].startswith(cause)
