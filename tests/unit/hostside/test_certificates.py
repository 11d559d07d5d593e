"""Certificates of a host's own openssl: keys stay, requests and certificates travel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import authority, identity, openssl
from clmdeploy.hostside.acts.call import ActError, Call, Json
from tests.unit.hostside.arranging import GROUP, OWNER, Host

NAMES = ["DNS:app1", "IP:10.0.0.1"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Paths that openssl gets are true ones: the root is the machine's."""
    host = Host(tmp_path, monkeypatch)
    monkeypatch.setattr("clmdeploy.hostside.acts.places.ROOT", "/")
    for name in ("tls", "authority"):
        (host.root / name).mkdir()
    return host


def asking(host: Host, name: str = "app1") -> Call:
    one = {"name": "files", "directory": str(host.root / "tls"), "owner": OWNER, "group": GROUP}
    return Call("identity", "perform", {"change": "change-1", "common_name": name, "identities": [one]}, {}, {})


def signing(host: Host, requests: Json, names: list[str] = NAMES) -> Call:
    arguments = {
        "change": "change-1", "directory": str(host.root / "authority"), "name": "clm backup lab",
        "subjects": {"app1": {"common_name": "app1", "names": names}}, "results": {"requests": {"app1": requests}},
    }  # fmt: skip
    return Call("authority", "perform", arguments, {}, {})


def certified(host: Host) -> Json:
    """app1 with all of its files; what the question about them tells."""
    signed = authority.perform(signing(host, identity.perform(asking(host))))
    (host.root / "tls" / "cert.pem").write_text(signed["certificates"]["app1"]["files"])
    (host.root / "tls" / "ca.pem").write_text(signed["ca"])
    return dict(identity.ask(asking(host))["identities"]["files"])


def test_a_certificate_fits_key_authority_and_names(host: Host) -> None:
    """Good for both ends of a connection, for two years and a quarter."""
    found = certified(host)
    assert found["names"] == NAMES
    assert 820 < openssl.days_left(found["expires"]) < 826
    assert found["authority"] == authority.ask(signing(host, {}))["authority"]
    command = ["openssl", "x509", "-noout", "-text", "-in", str(host.root / "tls" / "cert.pem")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "TLS Web Server Authentication, TLS Web Client Authentication" in told
    assert "CA:FALSE" in told


def test_the_certificate_of_a_server_only_answers(host: Host) -> None:
    """Who takes the archive's server over can't turn to database hosts in the backup host's name."""
    call = signing(host, identity.perform(asking(host)))
    call.arguments["subjects"]["app1"]["servers"] = ["files"]
    signed = authority.perform(call)["certificates"]["app1"]["files"]
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "extendedKeyUsage"],
        input=signed,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "TLS Web Server Authentication" in told
    assert "Client" not in told


def test_keys_stay_where_they_were_made(host: Host) -> None:
    """Nobody else can read them, and no answer holds one."""
    answers = [identity.perform(asking(host))]
    answers.append(authority.perform(signing(host, answers[0])))
    assert "PRIVATE KEY" not in str(answers)
    for path in (host.root / "tls" / "key.pem", host.root / "authority" / "ca.key"):
        assert path.stat().st_mode & 0o7777 == 0o600


def test_keys_and_authority_are_made_once(host: Host) -> None:
    """A second request is for the same key, a second signature by the same authority."""
    first = identity.perform(asking(host))
    key = (host.root / "tls" / "key.pem").read_bytes()
    ca = authority.perform(signing(host, first))["ca"]
    identity.perform(asking(host))
    assert (host.root / "tls" / "key.pem").read_bytes() == key
    assert authority.perform(signing(host, first))["ca"] == ca


def test_a_host_gets_no_certificate_of_another_name(host: Host) -> None:
    """A compromised host could else read the backups of another one."""
    with pytest.raises(ActError, match="of another name"):
        authority.perform(signing(host, identity.perform(asking(host, "app2"))))


def test_names_are_the_plans_not_the_requests(host: Host) -> None:
    """What a request asks for beside its key counts for nothing."""
    signed = authority.perform(signing(host, identity.perform(asking(host)), ["DNS:other"]))
    assert openssl.names_of(signed["certificates"]["app1"]["files"].encode()) == ["DNS:other"]


@pytest.mark.parametrize("name", ["app1/CN=backup1", "", "a" * 64, "app1\n"])
def test_a_name_that_would_be_another_subject_is_refused(host: Host, name: str) -> None:
    """openssl reads slashes as further fields."""
    with pytest.raises(ActError, match="can't be the name"):
        identity.perform(asking(host, name))


@pytest.mark.parametrize("name", ["key.pem", "cert.pem", "ca.pem"])
def test_an_identity_with_a_foreign_part_counts_for_nothing(host: Host, name: str) -> None:
    """It is made anew."""
    certified(host)
    (host.root / "tls" / name).unlink()
    assert identity.ask(asking(host))["identities"]["files"]["expires"] is None
    key = openssl.new_key()
    foreign = key if name == "key.pem" else openssl.authority(key, "other", 9)
    (host.root / "tls" / name).write_bytes(foreign)
    assert identity.ask(asking(host))["identities"]["files"]["expires"] is None


def test_what_was_made_is_removed_again(host: Host) -> None:
    """Keys of the hosts, and the authority."""
    certified(host)
    assert identity.probe(asking(host))["state"] == "done"
    assert identity.restore(asking(host)) == {"left": []}
    assert authority.restore(signing(host, {})) == {"left": []}
    assert not (host.root / "tls" / "key.pem").exists()
    assert list((host.root / "authority").iterdir()) == []
    assert identity.probe(asking(host)) == {"state": "not-done"}
