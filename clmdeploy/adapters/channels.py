"""The channels that an environment's settings name, ready to send; and as JSON, for the process that outlives ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.adapters.mail import MailChannel, MailServer
from clmdeploy.adapters.notice_command import CommandChannel
from clmdeploy.config.files import read_text, under
from clmdeploy.config.notify import Mail, Notify
from clmdeploy.config.secrets import resolve
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import Channel, Receipt

_LARGEST_AUTHORITY = 1024 * 1024


@dataclass(frozen=True)
class BrokenChannel:
    """A channel that can't be used as it is set: what was to go by it is kept until it can."""

    name: str
    recipients: tuple[str, ...]
    fault: str

    def send(self, notice: Notice, recipients: Sequence[str]) -> Receipt:  # noqa: ARG002  the port's signature
        return Receipt.later(recipients, self.fault)

    def check(self) -> str:
        return self.fault


def channels_of(notify: Notify, directory: Path, environ: Mapping[str, str]) -> list[Channel]:
    """All channels. Secrets are read now; one that can't be read breaks its own channel only."""
    made: list[Channel] = []
    if notify.mail is not None:
        try:
            made.append(_mail(notify.mail, notify.timeout, directory, environ))
        except InvalidInput as error:
            made.append(BrokenChannel("mail", notify.mail.to, error.message))
    if notify.command is not None:
        program, *arguments = notify.command
        found = str(under(directory.absolute(), program)) if "/" in program else program
        made.append(CommandChannel((found, *arguments), directory.absolute(), notify.timeout))
    return made


def _mail(mail: Mail, timeout: float, directory: Path, environ: Mapping[str, str]) -> MailChannel:
    authority = read_text(under(directory, mail.ca_file), _LARGEST_AUTHORITY) if mail.ca_file else None
    key = "notify.mail.password"
    password = resolve(mail.password, directory, environ, key=key) if mail.password else None
    server = MailServer(mail.host, mail.port_number, mail.security, authority, mail.user, password)
    return MailChannel(server, mail.sender, mail.to, timeout)


def to_wire(channels: Sequence[Channel]) -> JsonValue:
    """For a pipe between two processes of one account, never for a file: the password is in it."""
    return [wire for channel in channels if (wire := _wire(channel)) is not None]


def from_wire(wire: JsonValue) -> list[Channel]:
    """The channels again."""
    return [_channel(**one) for one in wire]


def _wire(channel: Channel) -> JsonValue | None:
    match channel:
        case MailChannel(server=server):
            password = server.password.reveal() if server.password else None
            told = {**vars(server), "password": password}
            return {"kind": "mail", "server": told, **_but(channel, "server")}
        case CommandChannel():
            return {"kind": "command", **_but(channel, "directory"), "directory": str(channel.directory)}
        case BrokenChannel():
            return {"kind": "broken", **vars(channel)}
    return None


def _but(channel: MailChannel | CommandChannel, apart: str) -> dict[str, JsonValue]:
    return {name: value for name, value in vars(channel).items() if name != apart}


def _channel(kind: str, **told: JsonValue) -> Channel:
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    match kind:
        case "mail":
            server = dict(told["server"])
            password = Secret(server.pop("password")) if server.get("password") else None
            server.pop("password", None)
            return MailChannel(**{**told, **lists, "server": MailServer(**server, password=password)})
        case "command":
            return CommandChannel(**{**told, **lists, "directory": Path(told["directory"])})
        case _:
            return BrokenChannel(**{**told, **lists})
