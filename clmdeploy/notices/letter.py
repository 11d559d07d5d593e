"""A notice as a letter: Russian first, then English, in plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from clmdeploy.notices.notice import LANGUAGES, Notice, Words

_RULE = "-" * 40


def letter(notice: Notice, sender: str, recipients: Sequence[str], now: datetime) -> EmailMessage:
    """The same notice gives the same Message-ID, so that mail programs show a second copy once.

    Headers can't be broken out of: the policy refuses line breaks, and a notice holds none.
    """
    message = EmailMessage(policy=SMTP)
    domain = sender.partition("@")[2]
    message["From"], message["To"], message["Subject"] = sender, ", ".join(recipients), notice.subject
    message["Date"], message["Message-ID"] = format_datetime(now), f"<{notice.id}@{domain}>"
    if notice.change:
        message["References"] = f"<{notice.change}@{domain}>"  # one thread for all that is told of one change
    # RFC 3834: no vacation answers to a machine.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter_text(notice), charset="utf-8", cte="base64")
    return message


def letter_text(notice: Notice) -> str:
    """The body."""
    at = datetime.fromisoformat(notice.at)
    parts = [f"{at:%Y-%m-%d %H:%M:%S} {at.tzname()}"]
    parts += ["\n".join(_lines(notice.words[language])) for language in LANGUAGES]
    return f"\n\n{_RULE}\n\n".join(parts) + "\n"


def _lines(words: Words) -> Iterator[str]:
    yield words.verdict
    yield from (f"  {cause}" for cause in words.causes)
    yield ""
    yield from (line for line in (words.runs, words.safe, words.next) if line)
    yield ""
    yield from (f"{label}: {value}" for label, value in words.facts)
