"""Mail by SMTP: encrypted with a verified certificate, bounded in time, each recipient answered for."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from queue import Empty, SimpleQueue
from threading import Thread

from clmdeploy.config.notify import Security
from clmdeploy.model.faults import printable
from clmdeploy.model.secret import REDACTED, Secret
from clmdeploy.notices.letter import letter
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import Receipt

_TRANSIENT, _PERMANENT = 400, 500  # RFC 5321, 4.2.1: 5yz replies are final, 4yz ones invite another try


@dataclass(frozen=True)
class MailServer:
    """How a mail server is reached. `authority`: certificates (PEM) to check its own with; None: the system's."""

    host: str
    port: int
    security: Security
    authority: str | None = None
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MailChannel:
    """Implements the Channel port. `timeout`: seconds for all of it, name resolution included."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    timeout: float
    name: str = "mail"

    def send(self, notice: Notice, recipients: Sequence[str]) -> Receipt:
        message = letter(notice, self.sender, self.recipients, datetime.now(UTC))
        return self._bounded(recipients, lambda: self._handed_over(message, recipients))

    def check(self) -> str:
        found = self._bounded(self.recipients, self._asked)
        faults = [f"{name}: {reason}" for name, reason in found.refused.items()]
        return "; ".join([*faults, *dict.fromkeys(found.postponed.values())])

    def _bounded(self, recipients: Sequence[str], act: Callable[[], Receipt]) -> Receipt:
        answers: SimpleQueue[Receipt] = SimpleQueue()
        # A daemon: a resolver or a server that dribbles can take far longer than any time limit of a socket.
        Thread(target=lambda: answers.put(act()), name="mail", daemon=True).start()
        try:
            return answers.get(timeout=self.timeout)
        except Empty:
            return Receipt.later(recipients, f"{self._where}: {self._silence}")

    def _asked(self) -> Receipt:
        """Everything but the letter: who would be refused."""
        try:
            with contextlib.closing(self._connected()) as smtp:
                code, said = smtp.mail(self.sender)
                if code >= _TRANSIENT:
                    return Receipt.later(self.recipients, self._words(smtplib.SMTPResponseException(code, said)))
                answers = {name: smtp.rcpt(name) for name in self.recipients}
                smtp.rset()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Receipt.later(self.recipients, f"{self._where}: {self._words(error)}")
        return self._receipt(
            self.recipients, {name: answer for name, answer in answers.items() if answer[0] >= _TRANSIENT}
        )

    def _handed_over(self, message: EmailMessage, recipients: Sequence[str]) -> Receipt:
        try:
            with contextlib.closing(self._connected()) as smtp:
                refusals: Mapping[str, tuple[int, bytes]] = smtp.send_message(message, self.sender, list(recipients))
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    smtp.quit()  # what was accepted stays accepted
        except smtplib.SMTPRecipientsRefused as error:
            refusals = error.recipients
        except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: a password that is not ASCII
            return Receipt.later(recipients, f"{self._where}: {self._words(error)}")
        return self._receipt(recipients, refusals)

    def _connected(self) -> smtplib.SMTP:
        """Greeted, encrypted and logged in as the settings say, or it raises."""
        server, context = self.server, None
        if server.security != "none":
            context = ssl.create_default_context(cadata=server.authority)
        if server.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=self.timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=self.timeout)
        with contextlib.ExitStack() as unless_greeted:
            unless_greeted.callback(smtp.close)
            if server.security == "starttls":
                smtp.starttls(context=context)  # raises where the server does not offer it
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password.reveal())
            unless_greeted.pop_all()
        return smtp

    def _receipt(self, recipients: Sequence[str], refusals: Mapping[str, tuple[int, bytes]]) -> Receipt:
        reasons = {name: self._words(smtplib.SMTPResponseException(*refusals[name])) for name in refusals}
        return Receipt(
            accepted=tuple(name for name in recipients if name not in refusals),
            refused={name: reasons[name] for name, (code, _) in refusals.items() if code >= _PERMANENT},
            postponed={name: reasons[name] for name, (code, _) in refusals.items() if code < _PERMANENT},
        )

    @property
    def _where(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    @property
    def _silence(self) -> str:
        return f"no answer within {self.timeout:.0f} s"

    def _words(self, error: Exception) -> str:
        """What went wrong, in one line; a server that repeats the password is not quoted with it."""
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):  # smtplib wraps it
            return self._silence
        if isinstance(error, smtplib.SMTPResponseException):
            said = error.smtp_error
            text = f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
        else:
            text = str(getattr(error, "strerror", None) or error) or type(error).__name__
        if self.server.password is not None:
            text = text.replace(self.server.password.reveal(), REDACTED)
        return printable(" ".join(text.split()), 200)
