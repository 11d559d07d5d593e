"""A real mail server in a process of its own, on loopback: encrypted, with a login, and the ways in which one fails.

Run as a program it is the server; imported, it is what starts one and reads what arrived there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.certificates import make_certificate

USER, PASSWORD = "clm-notify", "password-of-the-mail-tests"
REFUSED, GREYLISTED = "refused@example.com", "greylisted@example.com"
_READY_SECONDS = 20


@dataclass(frozen=True)
class Letter:
    """One mail as it arrived: who got it by the envelope, and what it says."""

    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def text(self) -> str:
        body = self.message.get_content()
        assert isinstance(body, str)
        return body


@dataclass(frozen=True)
class Mailbox:
    """A running server, seen from outside."""

    home: Path
    port: int
    authority: Path
    """certificates that its own is checked with"""

    def letters(self) -> list[Letter]:
        """All that arrived, in that order."""
        return [_letter(path) for path in sorted(self.home.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)]

    def awaited(self, count: int, seconds: float) -> list[Letter]:
        """The letters, once `count` of them are there."""
        deadline = time.monotonic() + seconds
        while len(self.letters()) < count:
            assert time.monotonic() < deadline, f"{len(self.letters())} letters after {seconds} s, not {count}"
            time.sleep(0.1)
        return self.letters()


@contextmanager
def mail_server(
    home: Path, security: str = "starttls", behaviour: str = "well", port: int = 0, address: str = "127.0.0.1"
) -> Iterator[Mailbox]:
    """`behaviour`: well; hang: accepts connections and says nothing; drop: goes away instead of taking a letter."""
    home.mkdir(exist_ok=True)
    authority = home / "ca.pem"
    if not authority.exists():
        make_certificate(home)
    (home / "port").unlink(missing_ok=True)
    words = (sys.executable, "-m", "tests.mail_server", str(home), security, behaviour, str(port), address)
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=Path(__file__).parents[1])
    try:
        yield Mailbox(home, _port(home), authority)
    finally:
        process.kill()
        process.wait(10)


def _port(home: Path) -> int:
    deadline = time.monotonic() + _READY_SECONDS
    while not (home / "port").exists():
        assert time.monotonic() < deadline, (home / "log").read_text()
        time.sleep(0.05)
    return int((home / "port").read_text())


def _letter(path: Path) -> Letter:
    envelope, _, content = path.read_bytes().partition(b"\n")
    message = message_from_bytes(content, _class=EmailMessage, policy=default)  # type: ignore[call-overload]
    return Letter(tuple(json.loads(envelope)), message)


class Handler:
    """What aiosmtpd asks."""

    def __init__(self, home: Path, behaviour: str) -> None:
        self.home, self.behaviour = home, behaviour

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == REFUSED:
            return "550 5.1.1 no such user here"
        if address == GREYLISTED:
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.behaviour == "drop":
            assert server.transport is not None
            server.transport.abort()
            return "421 never seen"
        assert isinstance(envelope.content, bytes)
        beside = self.home / "arriving"
        beside.write_bytes(json.dumps(envelope.rcpt_tos).encode() + b"\n" + envelope.content)
        beside.rename(self.home / f"{time.time_ns()}.eml")
        return "250 OK"


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
    known = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


async def serve(home: Path, security: str, behaviour: str, port: int, address: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "tls.pem", home / "tls.key")
    handler = Handler(home, behaviour)

    def speak() -> asyncio.Protocol:
        if behaviour == "hang":
            return asyncio.Protocol()
        starttls = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
        locked = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": security == "starttls"}
        return SMTP(handler, hostname="mail.test", **starttls, **(locked if security != "none" else {}))

    loop = asyncio.get_running_loop()
    server = await loop.create_server(speak, address, port, ssl=context if security == "tls" else None)
    beside = home / "port.new"
    beside.write_text(str(server.sockets[0].getsockname()[1]))
    beside.rename(home / "port")
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("security")
    parser.add_argument("behaviour")
    parser.add_argument("port", type=int)
    parser.add_argument("address")
    asyncio.run(serve(**vars(parser.parse_args())))
