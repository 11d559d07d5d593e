"""What is told beside a plan, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clmdeploy.cli.confirmation import loss_danger
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.outlook import outlook_rows
from clmdeploy.model.bilingual import Bilingual, Language
from clmdeploy.planners.estimate import Estimate
from clmdeploy.planners.loss import Loss, Written
from clmdeploy.planners.outlook import Outlook

AT = datetime(2026, 1, 5, tzinfo=UTC)
ROWS = Written(inserted=3, updated=4, deleted=0)


@pytest.mark.parametrize(
    ("outlook", "language", "words"),
    [
        (Outlook(estimate=Estimate(seconds=250, runs=3, size=9)), "en", "about 4 min 10 s, by the last 3 of its kind"),
        (Outlook(estimate=Estimate(seconds=28, runs=1)), "ru", "около 28 s, по последним таким же: 1"),
        (Outlook(estimate=Estimate(size=3 * 1024**3)), "en", "no history yet; 3 GiB are to be moved"),
        (Outlook(estimate=Estimate()), "en", "no history yet"),
        (
            Outlook(loss=Loss(since=AT, seconds=90, written=ROWS)), "en",
            "what was written in the last 90 s (1 min 30 s): at most 7 rows (3 inserted, 4 updated, 0 deleted)",
        ),
        (
            Outlook(loss=Loss(since=AT, seconds=9, written=ROWS, counted_from="P")), "en",
            "what was written in the last 9 s (9 s): at most 7 rows, counted from P (3 inserted, 4 updated, 0 deleted)",
        ),
        (
            Outlook(loss=Loss(since=AT, seconds=9, uncounted=Bilingual("a crash", "авария"))), "ru",
            "записанное за последние 9 с (9 s): сколько строк, посчитать нельзя: авария",
        ),
    ],
)  # fmt: skip
def test_the_outlook_is_told_in_words(outlook: Outlook, language: Language, words: str) -> None:
    """Numbers where they are known, the cause where they are not."""
    assert [said for _key, said in outlook_rows(Invocation(language=language), outlook)] == [words]


def test_nobody_says_yes_without_having_read_what_is_lost() -> None:
    """The question itself names it, whatever language the one who answers reads."""
    danger = loss_danger(Invocation(), Loss(since=AT, seconds=9, written=ROWS))
    assert "at most 7 rows" in danger
    assert isinstance(danger, Bilingual)
    assert "не более 7 строк" in danger.ru
