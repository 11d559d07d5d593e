"""`clmdeploy init`: a new environment, by flags or by questions, with host keys that somebody vouched for."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from clmdeploy.cli.main import run
from clmdeploy.config.loading import load

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same language, inventories and directory for all."""
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.delenv("CLM_INVENTORIES", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def known_hosts(tmp_path: Path) -> str:
    """A file with the keys of two hosts, as an administrator brings it."""
    (tmp_path / "keys").write_text(f"192.0.2.1 ssh-ed25519 {KEY}\n[192.0.2.2]:2222 ssh-ed25519 {KEY}\n")
    return str(tmp_path / "keys")


@pytest.fixture
def sshd() -> Iterator[tuple[int, str]]:
    """A host that answers ssh-keyscan on loopback: its port, and its key's fingerprint."""
    key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server, key), daemon=True)
        thread.start()
        yield server.getsockname()[1], key.fingerprint
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _answer(server: socket.socket, key: paramiko.PKey) -> None:
    transports = []
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            break
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.start_server(event=threading.Event(), server=paramiko.ServerInterface())
        transports.append(transport)
    for transport in transports:
        transport.close()


def flags(**changes: str | None) -> list[str]:
    given: dict[str, str | None] = {
        "--host": "app1=192.0.2.1",
        "--endpoint": "https://s3.example.com",
        "--principal": "ivanova@example.com",
        "--generate-signing-key": "",
    }
    given |= {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [word for flag, value in given.items() if value is not None for word in (flag, value) if word]


def test_by_flags(known_hosts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything said by flags: nothing is asked, the environment holds, the next commands are printed."""
    more = ["--host", "app,lb:app2=192.0.2.2:2222", "--balancer-backend", "app=clm_web", "--ssh-user", "deploy"]
    assert run(["init", "branch", *flags(host_keys=known_hosts), *more]) == 0
    loaded = load(Path("inventories"), "branch")
    assert [(host.name, host.user, host.groups) for host in loaded.hosts] == [
        ("app1", "deploy", ("app",)),
        ("app2", "deploy", ("app", "lb")),
    ]
    assert loaded.settings.balancer is not None
    assert loaded.settings.application == "clm"
    printed = capsys.readouterr().out
    assert [word in printed for word in ("config check -e branch", "host setup", "doctor", "deploy")] == [True] * 4


def test_as_json(known_hosts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcome as one object, with the next commands that find other inventories again."""
    assert run(["init", "branch", *flags(host_keys=known_hosts), "--inventories", "elsewhere", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["directory"] == "elsewhere/branch"
    assert made["files"] == [".gitignore", "allowed_signers", "clm.yml", "hosts.yml", "known_hosts"]
    assert made["next"][0] == "clmdeploy --inventories elsewhere config check -e branch"
    assert run(made["next"][0].split()[1:]) == 0


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_the_flags_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """Nobody can be asked, nor where standard input is closed: every missing flag is named at once, exit code 2."""
    if closed:
        monkeypatch.setattr(sys, "stdin", None)
    assert run(["init", "branch", "--host", "lb:lb1=192.0.2.9"]) == 2
    error = capsys.readouterr().err
    for flag in ("--endpoint", "--principal", "--generate-signing-key", "--balancer-backend"):
        assert flag in error
    assert "--host," not in error
    assert not Path("inventories").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"endpoint": "http://s3.example.com"}, "--endpoint: must be https"),
        ({"host": "app1"}, "--host: 'app1' is not [GROUP:]NAME=ADDRESS[:PORT]"),
        ({"state_bucket": "X"}, "--state-bucket: must be a bucket name"),
        ({"balancer_backend": "app"}, "--balancer-backend: 'app' is not GROUP=BACKEND"),
        ({"principal": "{{ x }}"}, "--principal: must be one principal"),
        ({"ssh_user": "-l"}, "--ssh-user: must be an account"),
    ],
)
def test_wrong_flags(
    changes: dict[str, str], expected: str, known_hosts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that the settings would refuse is refused as the flag that gave it, exit code 2."""
    assert run(["init", "branch", *flags(**changes, host_keys=known_hosts)]) == 2
    assert expected in capsys.readouterr().err
    assert not Path("inventories").exists()


@pytest.mark.parametrize("name", ["../branch", "Branch", "{{ x }}", "branch/x"])
def test_wrong_names(name: str, known_hosts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name is small letters, digits and hyphens: it becomes a directory, a prefix of keys, and is typed at night."""
    assert run(["init", name, *flags(host_keys=known_hosts)]) == 2
    assert "NAME: must be small letters" in capsys.readouterr().err


def test_an_environment_is_never_overwritten(known_hosts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A second init of the same name changes nothing and ends with 3."""
    assert run(["init", "branch", *flags(host_keys=known_hosts)]) == 0
    before = Path("inventories/branch/clm.yml").read_text()
    assert run(["init", "branch", *flags(host_keys=known_hosts)]) == 3
    assert "exists already" in capsys.readouterr().err
    assert Path("inventories/branch/clm.yml").read_text() == before


def test_scanned_keys_need_somebody_s_word(sshd: tuple[int, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal the fingerprints are shown and refused; the right one given, the key is pinned."""
    port, fingerprint = sshd
    scanning = flags(host=f"app1=127.0.0.1:{port}")
    for untrusted in ([], ["--trust-scanned-key", "SHA256:another"]):
        assert run(["init", "branch", *scanning, *untrusted]) == 3
        assert fingerprint in capsys.readouterr().err
        assert not Path("inventories").exists()
    assert run(["init", "branch", *scanning, "--trust-scanned-key", fingerprint]) == 0
    assert f"[127.0.0.1]:{port} ecdsa-sha2-nistp256 " in Path("inventories/branch/known_hosts").read_text()
    assert run(["init", "branch2", *scanning, "--trust-scanned-key", "all"]) == 0


def test_a_silent_host_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A host that shows no key stops init before anything is written, exit code 4."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert run(["init", "branch", *flags(host=f"app1=127.0.0.1:{port}"), "--trust-scanned-key", "all"]) == 4
    assert "no host key came from: app1" in capsys.readouterr().err
    assert not Path("inventories").exists()


def answer(lines: list[str], *arguments: str) -> tuple[int, str]:
    """Runs init on a terminal of its own and types the lines."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "clmdeploy", "init", "branch", *arguments]
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        os.close(slave)
        os.write(master, "".join(f"{line}\n" for line in lines).encode())
        output, _ = process.communicate(timeout=60)
    os.close(master)
    return process.returncode, output


ANSWERS = [
    "",
    "app",
    "app1=127.0.0.1:{port}",
    "",
    "",
    "",
    "s3.example.com",
    "https://s3.example.com",
    "",
    "",
    "iv@clm",
    "",
]


@pytest.mark.parametrize(("word", "code"), [("y", 0), ("n", 3), ("", 3)])
def test_on_a_terminal_everything_is_asked(sshd: tuple[int, str], word: str, code: int) -> None:
    """What no flag says is asked, a slip is asked again, and the keys shown are pinned only after a yes."""
    port, fingerprint = sshd
    ended, output = answer([line.format(port=port) for line in [*ANSWERS, word]])
    assert (ended, fingerprint in output) == (code, True), output
    assert "is not [GROUP:]NAME=ADDRESS" in output
    assert Path("inventories/branch").exists() == (code == 0)
    if code == 0:
        assert load(Path("inventories"), "branch").settings.trust.principal == "iv@clm"
