"""Sentences in two languages: both say the same, and whoever meets a failure at night reads it in their own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import clmdeploy
from clmdeploy.model import errors
from clmdeploy.model.bilingual import Bilingual, in_language, lines, russian
from clmdeploy.model.value import Text, Value, canonical_json

PACKAGE = Path(clmdeploy.__file__).parent
AT_NIGHT = (
    "changes", "planners", "queries", "runtime",
    "adapters/connections.py", "adapters/rundir.py", "adapters/s3.py", "adapters/s3_errors.py", "adapters/ssh.py",
    "adapters/wire.py",
    "cli/change.py", "cli/conduct.py", "cli/confirmation.py", "cli/deploy.py", "cli/lease.py", "cli/notices.py",
    "cli/offline.py", "cli/output_file.py", "cli/proposal.py", "cli/rollback.py", "cli/rollout.py",
)  # fmt: skip
"""where failures are raised that meet somebody who deploys, goes back or settles"""
FAILURES = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.ClmError)}


class Told(NamedTuple):
    """One sentence as its source has it."""

    where: str
    en: ast.expr
    ru: ast.expr


def calls(path: Path) -> Iterator[tuple[str, str, ast.Call]]:
    """Place, name of what is called, and the call itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.func.id, node


def sentences() -> Iterator[Told]:
    """Every sentence that is written in both languages side by side."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for where, name, call in calls(path):
            if name == "Bilingual" and is_literal(call.args[0]):
                yield Told(where, *call.args)


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def words(node: ast.expr) -> str:
    """What stands there for every value of the fields."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)


def fields(node: ast.expr) -> set[str]:
    """What is filled in; `russian(x)` is x, in the other language."""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    found = [ast.unparse(one.value) for one in parts if isinstance(one, ast.FormattedValue)]
    return {re.sub(r"^russian\((.*)\)$", r"\1", one) for one in found}


def typed(text: str) -> list[str]:
    """What is to be typed as it stands: commands and flags."""
    return sorted(re.findall(r"`[^`]*`|--[a-z][a-z-]+", text))


SENTENCES = list(sentences())


@pytest.mark.parametrize("told", SENTENCES, ids=lambda told: told.where)
def test_both_say_the_same(told: Told) -> None:
    """The same fields, commands and flags in both; English without Cyrillic letters, Russian not without them."""
    assert fields(told.en) == fields(told.ru)
    assert typed(words(told.en)) == typed(words(told.ru))
    assert not re.search("[а-яё]", words(told.en), re.IGNORECASE)
    assert re.search("[а-яё]", words(told.ru), re.IGNORECASE) or not re.search(r"\w{2}", words(told.en))


def failures() -> Iterator[tuple[str, ast.expr]]:
    """Place and message of every failure that is made in the rooms that people meet at night."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if str(path.relative_to(PACKAGE)).startswith(AT_NIGHT):
            for where, name, call in calls(path):
                if name in FAILURES and call.args:
                    yield where, call.args[0]


@pytest.mark.parametrize(("where", "message"), list(failures()), ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_met_at_night_is_told_in_both(where: str, message: ast.expr) -> None:
    """No failure of these rooms is written in one language only."""
    assert not is_literal(message), where


class Note(Value):
    """Something that is told, and stored."""

    message: Text


def test_it_is_the_english_sentence_wherever_nobody_asks() -> None:
    """Stored, compared or put into other text it is plain English; a value carries both to the face."""
    told = Bilingual("it broke", "сломалось")
    assert (told, f"{told}", told.upper()) == ("it broke", "it broke", "IT BROKE")
    note = Note(message=told)
    assert canonical_json(note) == b'{"message":"it broke"}'
    assert in_language(note.message, "ru") == "сломалось"
    assert in_language(Note.model_validate_json(canonical_json(note)).message, "ru") == "it broke"


def test_an_error_is_told_in_english_unless_asked() -> None:
    """Logs and tracebacks know of one language."""
    error = errors.LeaseHeld(Bilingual("held", "занята"))
    assert (str(error), error.message, russian(error.message)) == ("held", "held", "занята")


def test_lines_are_put_below_each_other_in_each_language() -> None:
    """What has but one language stands in both."""
    told = lines(["app1: no answer", Bilingual("bring it back", "верните его")])
    assert (told, told.ru) == ("app1: no answer\nbring it back", "app1: no answer\nверните его")
