"""The channels as clm.yml names them, and the same in another process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clmdeploy.adapters.channels import BrokenChannel, channels_of, from_wire, to_wire
from clmdeploy.adapters.mail import MailChannel
from clmdeploy.adapters.notice_command import CommandChannel
from clmdeploy.config.notify import Notify

MAIL: dict[str, Any] = {
    "host": "mail.example.com", "user": "clm", "password": {"env": "MAIL_PASSWORD"}, "sender": "clm@example.com",
    "to": ["duty@example.com"], "ca_file": "mail-ca.pem",
}  # fmt: skip
ENVIRON = {"MAIL_PASSWORD": "hunter2-hunter2"}


def notify(**changes: Any) -> Notify:
    return Notify.model_validate(
        {"mail": MAIL, "command": ["notify/to-chat", "--room", "duty"], "timeout": 7} | changes
    )


def test_settings_become_channels(tmp_path: Path) -> None:
    """Files and programs are found beside clm.yml, the password where it is kept, the port by the security."""
    (tmp_path / "mail-ca.pem").write_text("certificates")
    mail, command = channels_of(notify(), tmp_path, ENVIRON)
    assert isinstance(mail, MailChannel)
    assert (mail.server.port, mail.server.authority, mail.timeout) == (587, "certificates", 7)
    assert mail.server.password is not None
    assert mail.server.password.reveal() == "hunter2-hunter2"
    assert isinstance(command, CommandChannel)
    assert command.argv == (str(tmp_path / "notify" / "to-chat"), "--room", "duty")
    assert (command.directory, command.recipients) == (tmp_path, ("to-chat",))


def test_a_program_without_a_slash_is_found_on_the_path(tmp_path: Path) -> None:
    """As an administrator expects."""
    (command,) = channels_of(notify(mail=None, command=["logger", "-t", "clm"]), tmp_path, {})
    assert isinstance(command, CommandChannel)
    assert command.argv == ("logger", "-t", "clm")


def test_a_secret_that_is_missing_breaks_its_own_channel_only(tmp_path: Path) -> None:
    """What was to go by mail is kept until the password is there; the program is run all the same."""
    (tmp_path / "mail-ca.pem").write_text("certificates")
    mail, command = channels_of(notify(), tmp_path, {})
    assert isinstance(mail, BrokenChannel)
    assert "MAIL_PASSWORD is not set" in mail.check()
    assert mail.recipients == ("duty@example.com",)
    assert isinstance(command, CommandChannel)


def test_another_process_gets_the_same_channels(tmp_path: Path) -> None:
    """Through JSON and back; nothing else shows the password."""
    (tmp_path / "mail-ca.pem").write_text("certificates")
    for environ in (ENVIRON, {}):
        channels = channels_of(notify(), tmp_path, environ)
        assert from_wire(json.loads(json.dumps(to_wire(channels)))) == channels
        assert "hunter2" not in repr(channels)


def test_a_login_is_not_invented(tmp_path: Path) -> None:
    """A relay without one stays so in the other process."""
    relay = {**MAIL, "user": None, "password": None, "ca_file": None, "security": "none"}
    channels = channels_of(notify(mail=relay, command=None), tmp_path, {})
    assert from_wire(to_wire(channels)) == channels
