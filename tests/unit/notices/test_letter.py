"""A notice as a letter: both languages, one thread a change, headers that nobody can break out of."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.notices.letter import letter
from tests.unit.notices.examples import CHANGE, notice

NOW = datetime(2026, 7, 1, 9, 5, tzinfo=UTC)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "Content-Type",
           "Content-Transfer-Encoding", "MIME-Version"]  # fmt: skip


def test_russian_stands_before_english() -> None:
    """The three lines of each, below one another."""
    text = letter(notice(), "clm@example.com", ("duty@example.com",), NOW).get_content().replace("\r\n", "\n")
    assert "2026-07-01 12:00:00" in text.splitlines()[0]
    russian, english = text.index("Сейчас работает: 1.2.0"), text.index("Runs now: 1.2.0")
    assert russian < text.index("Безопасно: да") < text.index("Дальше: clmdeploy") < english
    assert english < text.index("Safe: yes") < text.index("Next: clmdeploy")


def test_the_same_notice_is_the_same_letter() -> None:
    """Sent again after a lost answer it has the same Message-ID, so that it is shown once."""
    first, again = (letter(notice(), "clm@example.com", ("a@example.com",), NOW) for _ in range(2))
    assert first["Message-ID"] == again["Message-ID"] == f"<{notice().id}@example.com>"
    assert (
        letter(notice(nonce="ab" * 8), "clm@example.com", ("a@example.com",), NOW)["Message-ID"] != first["Message-ID"]
    )


def test_letters_about_one_change_are_one_thread() -> None:
    """And no machine answers them."""
    made = letter(notice(), "clm@example.com", ("a@example.com", "b@example.com"), NOW)
    assert made["References"] == f"<{CHANGE}@example.com>"
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["To"] == "a@example.com, b@example.com"
    assert made["Date"].datetime == NOW


@given(st.text(max_size=300))
def test_no_text_becomes_a_header(text: str) -> None:
    """The letter has its own headers and no other, whatever the title says."""
    made = letter(notice(title=text), "clm@example.com", ("a@example.com",), NOW)
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert read["To"] == "a@example.com"
