"""Mail over a real server: what arrives, and what is refused to a server that can't be trusted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clmdeploy.adapters.mail import MailChannel
from clmdeploy.model.secret import Secret
from tests.certificates import make_certificate
from tests.contract.test_channel import DUTY, SECOND_LINE, channel_to
from tests.mail_server import GREYLISTED, PASSWORD, Mailbox, mail_server
from tests.unit.notices.examples import CHANGE, notice


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


def secured(channel: MailChannel, **changes: object) -> MailChannel:
    """The same channel with another idea of its server."""
    return replace(channel, server=replace(channel.server, **changes))  # type: ignore[arg-type]


def test_both_languages_arrive_as_they_were_written(mailbox: Mailbox) -> None:
    """Subject and text survive the way, Cyrillic included; the envelope names who was asked for."""
    channel_to(mailbox).send(notice(), (DUTY, SECOND_LINE))
    (letter,) = mailbox.awaited(1, 10)
    assert letter.recipients == (DUTY, SECOND_LINE)
    assert letter.message["Subject"] == notice().subject
    assert CHANGE in letter.text
    for words in notice().words.values():
        for line in (words.verdict, words.runs, words.safe, words.next):
            assert line in letter.text.splitlines()


def test_try_again_later_is_no_refusal(mailbox: Mailbox) -> None:
    """A 4yz reply, as greylisting gives it, postpones this recipient alone."""
    receipt = channel_to(mailbox).send(notice(), (GREYLISTED, DUTY))
    assert receipt.accepted == (DUTY,)
    assert receipt.postponed == {GREYLISTED: "451 4.7.1 try again later"}


def test_an_unknown_certificate_gets_no_password(mailbox: Mailbox, tmp_path: Path) -> None:
    """A server whose certificate another authority made is not spoken to."""
    other = make_certificate(tmp_path).read_text()
    receipt = secured(channel_to(mailbox), authority=other).send(notice(), (DUTY,))
    assert "certificate verify failed" in receipt.postponed[DUTY]


def test_a_certificate_for_another_name_gets_no_password(mailbox: Mailbox) -> None:
    """The name in clm.yml is the one that counts."""
    receipt = secured(channel_to(mailbox), host="localhost").send(notice(), (DUTY,))
    assert "certificate verify failed" in receipt.postponed[DUTY]


def test_without_encryption_nothing_is_sent(tmp_path: Path) -> None:
    """A server (or somebody between) that does not offer STARTTLS gets neither password nor letter."""
    with mail_server(tmp_path, "none") as plain:
        receipt = channel_to(plain).send(notice(), (DUTY,))
        assert "STARTTLS" in receipt.postponed[DUTY]
        assert plain.letters() == []


def test_plain_mail_to_a_relay_of_this_machine(tmp_path: Path) -> None:
    """`security: none` without a login is what a local relay wants."""
    with mail_server(tmp_path, "none") as plain:
        relay = secured(channel_to(plain), security="none", user=None, password=None)
        assert relay.send(notice(), (DUTY,)).accepted == (DUTY,)


def test_a_wrong_password_is_named_and_not_repeated(mailbox: Mailbox) -> None:
    """The reason says what is wrong, not what was tried."""
    receipt = secured(channel_to(mailbox), password=Secret("wrong-password-of-ours")).send(notice(), (DUTY,))
    assert receipt.postponed[DUTY].startswith("127.0.0.1:")
    assert "535" in receipt.postponed[DUTY]
    assert "wrong-password-of-ours" not in str(receipt)
    assert PASSWORD not in str(receipt)


def test_a_password_that_can_not_be_sent_is_no_crash(mailbox: Mailbox) -> None:
    """SMTP logins are ASCII."""
    assert DUTY in secured(channel_to(mailbox), password=Secret("пароль")).send(notice(), (DUTY,)).postponed


def test_a_server_that_is_down_is_named(tmp_path: Path) -> None:
    """The reason says where nobody listens."""
    with mail_server(tmp_path) as gone:
        channel = channel_to(gone)
    assert channel.send(notice(), (DUTY,)).postponed == {DUTY: f"127.0.0.1:{gone.port}: Connection refused"}


def test_a_hanging_server_holds_nobody_up(tmp_path: Path) -> None:
    """The time limit is that of the whole exchange."""
    with mail_server(tmp_path, behaviour="hang") as silent:
        begun = time.monotonic()
        assert DUTY in channel_to(silent, timeout=1).send(notice(), (DUTY,)).postponed
        assert time.monotonic() - begun < 3


def test_a_check_sends_nothing_and_finds_what_is_wrong(mailbox: Mailbox, tmp_path: Path) -> None:
    """A wrong password, a server that hangs, a server that is down; and nothing where all is well."""
    before = len(mailbox.letters())
    well = replace(channel_to(mailbox), recipients=(DUTY, SECOND_LINE))
    assert well.check() == ""
    assert "535" in secured(well, password=Secret("wrong")).check()
    with mail_server(tmp_path, behaviour="hang") as silent:
        hanging = channel_to(silent, timeout=1)
        assert "no answer within 1 s" in hanging.check()
    assert "Connection refused" in hanging.check()
    assert len(mailbox.letters()) == before


def test_text_of_others_makes_no_headers(mailbox: Mailbox) -> None:
    """A title with line breaks is one subject, and adds neither header nor recipient."""
    before = len(mailbox.letters())
    channel_to(mailbox).send(notice(title="x\r\nBcc: victim@example.com\r\n\r\nhello"), (DUTY,))
    letter = mailbox.awaited(before + 1, 10)[-1]
    assert letter.recipients == (DUTY,)
    assert letter.message["Bcc"] is None
    assert "victim@example.com" in letter.message["Subject"]
