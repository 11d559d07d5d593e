"""The section `notify`: who is told, and what can't stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clmdeploy.config.environment import LoadedEnvironment, secret_references
from clmdeploy.config.notify import Mail, Notify
from clmdeploy.config.settings import Environment
from tests.unit.cli.desk import SETTINGS

MAIL: dict[str, Any] = {"host": "mail.example.com", "sender": "clm@example.com", "to": ["duty@example.com"]}
LOGIN: dict[str, Any] = {"user": "clm", "password": {"env": "MAIL_PASSWORD"}}


def refusal(notify: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Notify.model_validate(notify)
    return str(caught.value)


def loaded(**changes: Any) -> LoadedEnvironment:
    return LoadedEnvironment(Path("/inventories/lab"), Environment.model_validate({**SETTINGS, **changes}), (), {})


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_security_has_its_usual_port(security: str, port: int) -> None:
    """RFC 6409, RFC 8314, RFC 5321; a port that is given wins."""
    assert Mail.model_validate({**MAIL, "security": security}).port_number == port
    assert Mail.model_validate({**MAIL, "security": security, "port": 2525}).port_number == 2525


def test_some_way_must_be_given() -> None:
    """A section that tells nobody would be believed to tell somebody."""
    assert "at least one way" in refusal({"when": "always"})


@pytest.mark.parametrize("half", ["user", "password"])
def test_user_and_password_go_together(half: str) -> None:
    """Half a login is a mistake."""
    assert "go together" in refusal({"mail": {**MAIL, half: LOGIN[half]}})


def test_a_password_never_travels_in_plain_text() -> None:
    """Without encryption there is no login, but to this machine itself."""
    assert "plain text" in refusal({"mail": {**MAIL, **LOGIN, "security": "none"}})
    Notify.model_validate({"mail": {**MAIL, **LOGIN, "security": "none", "host": "127.0.0.1"}})


@pytest.mark.parametrize(
    "address",
    ["", "duty", "Duty <duty@example.com>", "a@b, c@d", "a@b\nBcc: c@d", "a b@c", "@example.com", "дежурный@клм.рф"],
)
def test_an_address_is_one_bare_address(address: str) -> None:
    """Nothing that could become a second header or a second recipient."""
    assert "bare mail address" in refusal({"mail": {**MAIL, "to": [address]}})
    assert "bare mail address" in refusal({"mail": {**MAIL, "sender": address}})


@pytest.mark.parametrize("command", [[], [""], ["a\nb"], ["notify", "{{ id }}"]])
def test_a_command_is_a_list_of_plain_words(command: list[str]) -> None:
    """Program and arguments, each as it is."""
    refusal({"command": command})


def test_who_is_told_is_no_input_of_a_plan() -> None:
    """A recipient who is added between planning and applying does not make the plan drift."""
    assert loaded(notify={"mail": MAIL}).settings_digest == loaded().settings_digest
    assert loaded(time_zone="Asia/Omsk").settings_digest != loaded().settings_digest


def test_the_password_is_a_secret_like_all_others() -> None:
    """It is looked for by `config check` and `doctor`, and shown as the place where it is kept."""
    environment = loaded(notify={"mail": {**MAIL, **LOGIN}})
    assert "notify.mail.password" in secret_references(environment.settings)
    assert environment.shown()["settings"]["notify"]["mail"]["password"] == {"env": "MAIL_PASSWORD"}
