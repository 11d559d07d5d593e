"""Somebody is told, by a real mail server: of a deploy that failed, of one that was killed, of one that was missed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.lab.command_line import CommandLine
from tests.lab.fleet import AT_ONCE, Fleet
from tests.mail_server import PASSWORD, USER, Mailbox, mail_server

pytestmark = pytest.mark.timeout(900)
TO = ["duty@example.com", "2ltp@example.com"]
SECONDS = 20  # until mail must be there on a machine that is busy with a lab
LEASE = 5  # seconds that a silent control node is waited for


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture(scope="module")
def inventory(fleet: Fleet, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's inventory, which names people to tell: by mail with a login, and by a program."""
    place = shutil.copytree(fleet.lab.inventories, tmp_path_factory.mktemp("told") / "inventories") / "lab"
    shutil.copy(mailbox.authority, place / "mail-ca.pem")
    (place / "secrets" / "mail-password").write_text(f"{PASSWORD}\n")
    (place / "secrets" / "mail-password").chmod(0o600)
    (place / "notify").mkdir()
    (place / "notify" / "keep").write_text("#!/bin/sh\ncat > kept.json\n")
    (place / "notify" / "keep").chmod(0o755)
    settings = yaml.safe_load((place / "clm.yml").read_text())
    mail = {
        "host": "127.0.0.1", "port": mailbox.port, "ca_file": "mail-ca.pem", "user": USER, "sender": "clm@example.com",
        "password": {"file": "secrets/mail-password"}, "to": TO,
    }  # fmt: skip
    settings |= {"notify": {"mail": mail, "command": ["notify/keep"]}, "lease": {"time_to_live": LEASE}}
    (place / "clm.yml").write_text(yaml.safe_dump(settings))
    return place


@pytest.fixture
def clm(fleet: Fleet, inventory: Path, tmp_path: Path) -> CommandLine:
    """A control node that keeps what it could not say in a place of its own."""
    environ = {"CLM_INVENTORIES": str(inventory.parent), "XDG_STATE_HOME": str(tmp_path / "state")}
    return replace(fleet.clmdeploy, environ={**fleet.clmdeploy.environ, **environ})


def test_a_deploy_that_failed_mails_three_lines(fleet: Fleet, clm: CommandLine, mailbox: Mailbox) -> None:
    """1.3.0 is never healthy: what runs where now, is it safe, what to type; in both languages, to everybody."""
    fleet.bring_to("1.2.0")
    before = len(mailbox.letters())
    ran = clm("deploy", "1.3.0", "-e", "lab", "--yes", *AT_ONCE).expecting(4)
    letter = mailbox.awaited(before + 1, SECONDS)[-1]
    assert sorted(letter.recipients) == sorted(TO)
    english = ran.stderr.splitlines()
    told = [line for line in english if line.startswith(("Runs now:", "Safe:", "Next:"))]
    assert len(told) == 3
    assert [line for line in told if line not in letter.text.splitlines()] == []
    assert "Сейчас работает: 1.2.0" in letter.text
    assert f"Дальше: clmdeploy change show {fleet.changes()[-1]} -e lab" in letter.text
    assert PASSWORD not in letter.text + ran.said
    assert english[-1] == f"Told: {', '.join(TO)}, keep."


def test_a_deploy_that_was_killed_mails_that_its_outcome_is_unknown(
    fleet: Fleet, clm: CommandLine, mailbox: Mailbox, tmp_path: Path
) -> None:
    """SIGKILL of its whole process group: within seconds the mail names change and command; one elsewhere tells too."""
    fleet.bring_to("1.2.0")
    before = len(mailbox.letters())
    kill_amid(clm, "rollback", "--to", "1.1.0", "-e", "lab", "--yes", *AT_ONCE)
    letter = mailbox.awaited(before + 1, SECONDS)[-1]
    change = fleet.changes()[-1]
    assert change in letter.text
    assert "Next: clmdeploy change resume -e lab" in letter.text.splitlines()
    assert letter.message["Subject"].endswith("исход неизвестен / outcome unknown")
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}
    for _ in range(2):
        clm("status", "-e", "lab", "--notify", environ=elsewhere).expecting(0)
    assert len(mailbox.letters()) == before + 2
    assert change in mailbox.letters()[-1].text
    clm("change", "abort", "-e", "lab").expecting(0)
    assert set(fleet.releases.values()) == {"1.2.0"}
    assert len(mailbox.letters()) == before + 2


def kill_amid(clm: CommandLine, *words: str) -> None:
    """Start it as the leader of a group, and kill the group as soon as a switch has begun."""
    process = subprocess.Popen(
        clm.argv(*words), env=dict(clm.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Switch" in line and "..." in line:
            break
    else:
        raise AssertionError("".join(said))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def test_what_can_not_be_mailed_now_is_mailed_by_the_next_command(
    fleet: Fleet, clm: CommandLine, inventory: Path, tmp_path: Path
) -> None:
    """With the mail server down the exit code is the same, the program has its notice, and the mail comes later."""
    settings = yaml.safe_load((inventory / "clm.yml").read_text())
    with mail_server(tmp_path / "mail") as mailbox:
        port = mailbox.port
    settings["notify"]["mail"] |= {"port": port, "ca_file": str(mailbox.authority)}
    place = shutil.copytree(inventory.parent, tmp_path / "inventories") / "lab"
    (place / "clm.yml").write_text(yaml.safe_dump(settings))
    elsewhere = {"CLM_INVENTORIES": str(place.parent)}
    missed = clm("deploy", "9.9.9", "-e", "lab", "--yes", environ=elsewhere).expecting(3)
    assert "Connection refused" in missed.stderr
    notice = json.loads((place / "kept.json").read_text())
    assert (notice["format"], notice["occasion"], notice["environment"]) == ("notice/1", "missed", "lab")
    assert "9.9.9" in notice["words"]["en"]["causes"][0]
    with mail_server(tmp_path / "mail", port=port) as mailbox:
        later = clm("status", "-e", "lab", environ=elsewhere).expecting(0)
        (letter,) = mailbox.awaited(1, SECONDS)
    assert notice["id"] in letter.message["Message-ID"]
    assert later.stderr == f"Told: {', '.join(TO)}.\n"
    assert fleet.lease()["held"] is False
