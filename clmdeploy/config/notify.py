"""The section `notify` of clm.yml: who is told when a change that nobody watched went wrong, and by which way."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from clmdeploy.config.fields import FilePath, MailAddress, ServerName, is_loopback, refuse_jinja, seconds
from clmdeploy.config.secrets import SecretReference
from clmdeploy.model.value import Value

Security = Literal["starttls", "tls", "none"]
PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_LONGEST_ARGUMENT = 1024


def _argument(text: str) -> str:
    refuse_jinja(text)
    if not text or len(text) > _LONGEST_ARGUMENT or not text.isprintable():
        raise ValueError(f"must be 1 to {_LONGEST_ARGUMENT} printable characters")
    return text


class Mail(Value):
    """Mail by SMTP. What is sent holds no secrets."""

    host: ServerName = Field(description="Name or address of the mail server.", examples=["mail.example.com"])
    port: int | None = Field(
        None,
        ge=1,
        le=65535,
        strict=True,
        description="Its port; default: 587 with starttls, 465 with tls, 25 with none.",
        examples=[587],
    )
    security: Security = Field(
        "starttls",
        description="starttls: encrypted after the greeting, or not at all. tls: from the first byte. none: plain "
        "text, without a password. Certificates are always verified.",
        examples=["starttls"],
    )
    ca_file: FilePath | None = Field(
        None,
        description="Certificates (PEM) that the server's own is checked with; default: the system's.",
        examples=["mail-ca.pem"],
    )
    user: Annotated[str, AfterValidator(_argument)] | None = Field(
        None, description="Account to log in as; default: no login.", examples=["clm-notify"]
    )
    password: SecretReference | None = Field(
        None,
        description="Its password: {env: NAME}, {file: PATH} or a !vault value.",
        examples=[{"file": "secrets/mail-password"}],
    )
    sender: MailAddress = Field(description="Whom the mail is from.", examples=["clm@example.com"])
    to: tuple[MailAddress, ...] = Field(
        min_length=1, max_length=50, description="Who gets it.", examples=[["2ltp@example.com", "duty@example.com"]]
    )

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.password is not None and self.security == "none" and not is_loopback(self.host):
            raise ValueError("a password never travels in plain text: use starttls or tls")
        return self

    @property
    def port_number(self) -> int:
        """The port, or the usual one of this security."""
        return self.port or PORTS[self.security]


class Notify(Value):
    """Who is told."""

    when: Literal["unattended", "always", "never"] = Field(
        "unattended",
        description="unattended: of changes run without a terminal on standard input. always: of every change. "
        "never: of none. What ended with exit code 0 is told to nobody.",
        examples=["unattended"],
    )
    timeout: int = seconds(20, "Longest time that mail, or the command, may take, in seconds.", least=1, most=120)
    mail: Mail | None = Field(None, description="Mail by SMTP, in Russian and English.")
    command: tuple[Annotated[str, AfterValidator(_argument)], ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Program and arguments, run without a shell: gets the notice as JSON on standard input "
        "(docs/json.md) and $CLM_ENVIRONMENT, $CLM_CHANGE, $CLM_OCCASION, $CLM_EXIT_CODE, $CLM_SUBJECT. Of other "
        "variables it gets those of account, path, language, proxy and certificates alone: a token of its own belongs "
        "in a file that it reads. A program with a slash in its name is relative to the directory of clm.yml.",
        examples=[["notify/to-chat", "--room", "clm-duty"]],
    )

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if self.mail is None and self.command is None:
            raise ValueError("must say at least one way: mail, command")
        return self
