"""What a notice says, and what it can't be made to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.changes.ending import Failure
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ExitCode
from clmdeploy.notices.composition import LONGEST_LINE, LONGEST_SUBJECT, MOST_CAUSES
from clmdeploy.notices.notice import LANGUAGES, Words
from clmdeploy.queries.aftermath import Aftermath, cut_off
from tests.unit.notices.examples import CHANGE, FAILURE, TAKEN_BACK, WHO, notice


def every_line(words: Words) -> list[str]:
    facts = [text for fact in words.facts for text in fact]
    return [words.verdict, *words.causes, words.runs, words.safe, words.next, *facts]


def test_a_notice_says_what_a_terminal_says() -> None:
    """Verdict, causes and the three lines; which change, of whom, why; in Moscow's time."""
    made = notice()
    words = made.words["en"]
    assert words.verdict == "Failed. Everything has been taken back."
    assert words.causes == ("app1: switch: health check answers 500",)
    assert words.runs == "Runs now: 1.2.0 on app1, app2."
    assert words.safe == "Safe: yes. All hosts answer, are healthy and in rotation."
    assert words.next == f"Next: clmdeploy change show {CHANGE} -e lab"
    assert dict(words.facts) == {
        "Environment": "lab", "Work": "Deploy clm 1.3.0", "Change": CHANGE, "Who": "admin@lab (deploy@ci-7)",
        "CI job": "https://ci.example.com/jobs/7", "Reason": "nightly",
    }  # fmt: skip
    assert made.at == "2026-07-01T12:00:00+03:00"
    assert made.subject == "[lab] Deploy clm 1.3.0: сбой / failed"


def test_russian_comes_with_it() -> None:
    """Both languages say the same things in the same places."""
    words = notice().words["ru"]
    assert words.verdict == "Сбой. Выполнен полный откат."
    assert words.next == f"Дальше: clmdeploy change show {CHANGE} -e lab"
    assert len(words.facts) == len(notice().words["en"].facts)


def test_what_broke_it_off_is_told_in_each_language() -> None:
    """Message and hint of a refusal; the document for programs is in English."""
    told = Bilingual("the lease is held\nwait", "блокировка занята\nподождите")
    made = notice(cut_off(None, "lab", "deploy 1.3.0 -e lab", told), "missed")
    assert made.words["en"].causes == ("the lease is held", "wait")
    assert made.words["ru"].causes == ("блокировка занята", "подождите")
    assert made.ending["message"] == "the lease is held\nwait"


def test_the_ending_comes_whole() -> None:
    """A program that gets the notice as JSON has all that `--json` prints."""
    ending = notice().ending
    assert (ending["format"], ending["state"], ending["safe"]) == ("ending/1", "taken-back", True)
    assert ending["next"] == f"clmdeploy change show {CHANGE} -e lab"


def test_what_was_cut_off_is_claimed_by_nobody() -> None:
    """No host was asked: nothing is called safe, and the way on is named."""
    words = notice(cut_off(CHANGE, "lab", "deploy 1.3.0 -e lab"), "unknown", "notice.cut_off").words["en"]
    assert CHANGE in words.causes[0]
    assert words.runs == "Runs now: not known."
    assert words.safe.startswith("Safe: NO.")
    assert words.next == "Next: clmdeploy change resume -e lab"


@pytest.mark.parametrize("change", [None, CHANGE])
def test_a_run_that_was_cut_off_is_not_safe(change: str | None) -> None:
    """Also for programs."""
    assert not cut_off(change, "lab", "deploy 1.3.0 -e lab").safe


def test_nothing_is_without_bounds() -> None:
    """A thousand failures with long messages make a letter that can be read."""
    failure = Failure(step="s", host="app1", status="failed", message="x" * 10_000)
    flood = TAKEN_BACK.model_copy(update={"failures": (failure,) * 1000, "message": "line\n" * 1000})
    made = notice(flood, title="t" * 1000)
    for language in LANGUAGES:
        assert len(made.words[language].causes) == MOST_CAUSES + 1
        assert max(map(len, every_line(made.words[language]))) <= LONGEST_LINE + 1
    assert len(made.subject) <= LONGEST_SUBJECT + 1


@given(st.text(max_size=200))
def test_text_of_others_stays_in_its_line(text: str) -> None:
    """Whatever a host, a journal or a manifest says: no line break, no control character."""
    failure = FAILURE.model_copy(update={"message": text, "step": text})
    aftermath = TAKEN_BACK.model_copy(update={"failures": (failure,), "message": text, "drained": (text,), "runs": {}})
    made = notice(aftermath, title=text, reason=text, who=WHO.model_copy(update={"user": text}))
    shown = [made.subject, *(line for language in LANGUAGES for line in every_line(made.words[language]))]
    assert all(line.isprintable() for line in shown)


def test_a_missed_run_has_no_change() -> None:
    """There is none to name."""
    missed = Aftermath(change=None, state="lease-held", exit_code=ExitCode.LEASE_HELD, runs={"1.2.0-a": ["app1"]})
    made = notice(missed, "missed")
    assert made.change is None
    assert "Change" not in dict(made.words["en"].facts)
    assert made.subject.endswith(": не выполнено / not done")
