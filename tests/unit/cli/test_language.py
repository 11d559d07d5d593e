"""The catalogue of sentences: Russian and English say the same things."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import clmdeploy.cli
from clmdeploy.cli.context import preferred_language
from clmdeploy.cli.language import catalogue, text
from clmdeploy.model.errors import ExitCode

ENGLISH, RUSSIAN = catalogue("en"), catalogue("ru")


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    """A sentence in one language only would fail in the other, at night."""
    assert set(ENGLISH) == set(RUSSIAN)


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_both_languages_fill_the_same_fields(key: str) -> None:
    """Both forms of a sentence take the same fields, by name, and Russian is written in Russian."""
    assert placeholders(ENGLISH[key]) == placeholders(RUSSIAN.get(key, ""))
    assert all(name.isidentifier() for name in placeholders(ENGLISH[key]))
    words = "".join(literal for literal, *_ in string.Formatter().parse(RUSSIAN[key]))
    assert any("а" <= letter.lower() <= "я" for letter in words) or not any(letter.isalpha() for letter in words)


def said() -> Iterator[tuple[str, str]]:
    """Every literal key that a module of the face asks the catalogue for."""
    for path in sorted(Path(clmdeploy.cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="say" | "both"), args=[ast.Constant(value=str(key)), *_]):
                    yield path.name, key


@pytest.mark.parametrize(("module", "key"), sorted(set(said())))
def test_what_is_said_is_in_the_catalogue(module: str, key: str) -> None:
    """No module asks for a sentence that nobody wrote."""
    assert key in ENGLISH, module


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_has_its_verdict(code: ExitCode) -> None:
    """A failure of any kind can be opened with a line in words."""
    assert f"verdict.{code.name.lower()}" in ENGLISH


def test_fields_are_filled_in_but_not_run() -> None:
    """A field's value is text, also when it looks like a placeholder."""
    assert text("config.note", "en", message="{environment.__class__}") == "note: {environment.__class__}"


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB", "LC_MESSAGES": "ru_RU"}, "ru"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": ""}, "en"),
    ],
)
def test_the_locale_chooses(environ: dict[str, str], language: str) -> None:
    """LC_ALL before LC_MESSAGES before LANG, as POSIX has it; anything but Russian is English."""
    assert preferred_language(environ) == language
