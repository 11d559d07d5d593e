"""What every way to people promises: the fake, a real mail server over STARTTLS and TLS, and a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clmdeploy.adapters.mail import MailChannel, MailServer
from clmdeploy.adapters.memory_notices import MemoryChannel
from clmdeploy.model.secret import Secret
from clmdeploy.notices.ports import Channel
from tests.mail_server import PASSWORD, REFUSED, USER, Mailbox, mail_server
from tests.unit.notices.examples import notice

DUTY, SECOND_LINE = "duty@example.com", "2ltp@example.com"
RECIPIENTS = (DUTY, REFUSED, SECOND_LINE)


def channel_to(mailbox: Mailbox, security: str = "starttls", timeout: float = 20) -> MailChannel:
    """As settings would make it."""
    server = MailServer("127.0.0.1", mailbox.port, security, mailbox.authority.read_text(), USER, Secret(PASSWORD))  # type: ignore[arg-type]
    return MailChannel(server, "clm@example.com", RECIPIENTS, timeout)


@pytest.fixture(params=["memory", "starttls", "tls"])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Channel]:
    """A way that works, to three recipients of whom one is unknown there."""
    if request.param == "memory":
        yield MemoryChannel(RECIPIENTS, frozenset({REFUSED}))
        return
    with mail_server(tmp_path, request.param) as mailbox:
        yield channel_to(mailbox, request.param)


@pytest.fixture(params=["memory", "hang", "drop"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Channel]:
    """A way by which nothing gets through now."""
    if request.param == "memory":
        yield MemoryChannel(RECIPIENTS, down="the fuse has blown")
        return
    with mail_server(tmp_path, behaviour=request.param) as mailbox:
        yield channel_to(mailbox, timeout=2)


def test_a_refused_recipient_does_not_keep_the_others_from_it(channel: Channel) -> None:
    """It is named, with the reason, as refused for good; the others have the notice."""
    receipt = channel.send(notice(), channel.recipients)
    assert receipt.accepted == (DUTY, SECOND_LINE)
    assert set(receipt.refused) == {REFUSED}
    assert receipt.refused[REFUSED]
    assert not receipt.postponed


def test_only_those_who_are_asked_for_get_it(channel: Channel) -> None:
    """Who has it already does not get it again when it is sent once more to the others."""
    assert channel.send(notice(), (SECOND_LINE,)).accepted == (SECOND_LINE,)


def test_nobody_but_refused_ones_is_no_failure_of_the_channel(channel: Channel) -> None:
    """Where all are refused, all are named so."""
    receipt = channel.send(notice(), (REFUSED,))
    assert (receipt.accepted, set(receipt.refused), receipt.postponed) == ((), {REFUSED}, {})


def test_what_does_not_get_through_is_postponed(broken: Channel) -> None:
    """Within the time limit, with the reason, for every recipient; nothing is raised."""
    receipt = broken.send(notice(), broken.recipients)
    assert set(receipt.postponed) == set(RECIPIENTS)
    assert all(receipt.postponed.values())
    assert (receipt.accepted, receipt.refused) == ((), {})


def test_a_check_names_who_would_be_refused(channel: Channel) -> None:
    """And nobody else; nothing is sent."""
    fault = channel.check()
    assert REFUSED in fault
    assert DUTY not in fault
    assert channel.send(notice(), (DUTY,)).accepted == (DUTY,)
