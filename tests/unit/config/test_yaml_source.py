"""The YAML reader: bounded, without code, and it knows where everything stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.config.yaml_source import parse, read

FILE = Path("clm.yml")


def causes(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, FILE).faults]


def test_every_key_has_its_line() -> None:
    """A fault can name the line of any key, and of the nearest key above one that is missing."""
    document = parse("a: 1\nb:\n  c: [x,\n    y]\n", FILE)
    assert document.content == {"a": 1, "b": {"c": ["x", "y"]}}
    assert (document.fault(("b", "c", 1), "").line, document.fault(("b", "missing"), "").line) == (4, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "clm.yml:1: a: stands twice (again in line 3)"),
        ("a: '{{ lookup(1) }}'", "clm.yml:1: a: Jinja is never run on data: write the value itself"),
        ("a: ['{% x %}']", "clm.yml:1: a[0]: Jinja is never run on data: write the value itself"),
        ("<<: {a: 1}", "clm.yml:1: (key in line 1): merge keys (<<) are not read: write the keys out"),
        ("on: 1", "clm.yml:1: (key in line 1): a key must be text: put it in quotes"),
        ("a: !!python/name:os [x]", "clm.yml:1: a: the tag tag:yaml.org,2002:python/name:os is not read"),
        ("a: !file x", "clm.yml:1: a: the tag !file is not read"),
        ("a: &x [*x]", "clm.yml:1: a[0]: alias *x has no anchor before it"),
        ("a: !!int x", "clm.yml:1: a: can't be read as int"),
        ("a: 1\n--- \nb: 2\n", "clm.yml: is not usable YAML: more than one document in the file"),
    ],
)  # fmt: skip
def test_refused(text: str, expected: str) -> None:
    """What PyYAML's safe loader would let pass in silence is refused with line and key."""
    assert causes(text) == [expected]


def test_unquoted_jinja_is_no_key() -> None:
    """YAML reads {{ x }} without quotes as a mapping for a key; the refusal says what was meant."""
    (cause,) = causes("a: {{ x }}")
    assert cause.endswith("a key can't be a list or a mapping (and Jinja is never run on data)")


def test_control_characters_are_refused() -> None:
    """A NUL ends nothing early: the file is refused."""
    assert causes("a\0b")[0].startswith("clm.yml: is not usable YAML: unacceptable character")


def test_syntax_errors_name_the_line() -> None:
    """Text that is no YAML at all says in which line it stops making sense."""
    (fault,) = parse("a: 1\nb: [1, 2\n", FILE).faults
    assert fault.line >= 2
    assert fault.cause.startswith("is not YAML: ")


LAUGHS = [f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]" for above, name in zip("abcdef", "bcdefg", strict=True)]


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "- " * 200 + "x", "\n".join(["a: &a [1, 1, 1]", *LAUGHS]), "x: [" + "1," * 60_000 + "]"],
    ids=["open brackets", "nested dashes", "billion laughs", "many values"],
)
def test_bombs_are_defused(text: str) -> None:
    """Depth, aliases and number of values are bounded."""
    (cause,) = causes(text)
    assert "nested deeper than 32 levels" in cause or "more than 50000 values" in cause


def test_vault_values_stay_ciphertext() -> None:
    """`!vault` is carried as a secret reference and opened by nobody here."""
    assert parse("a: !vault |\n  $ANSIBLE_VAULT;1.1\n  33\n", FILE).content == {
        "a": {"vault": "$ANSIBLE_VAULT;1.1\n33\n"}
    }


def test_dates_stay_text() -> None:
    """A value that looks like a date is the text that was written, even where no such day exists."""
    assert parse("a: 2026-02-30", FILE).content == {"a": "2026-02-30"}


@given(st.text(max_size=200) | st.text("{}[]&*!|>-: ,'\"\n#%@ab1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader raise; and what it reads holds plain values only."""
    assert plain(parse(text, FILE).content)


def plain(content: object) -> bool:
    if isinstance(content, dict):
        return all(isinstance(key, str) and plain(value) for key, value in content.items())
    if isinstance(content, list):
        return all(plain(value) for value in content)
    return content is None or isinstance(content, str | int | float)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A named pipe does not hang the tool, a directory or a missing file is a fault that names it."""
    os.mkfifo(tmp_path / "pipe")
    for name, cause in (
        ("pipe", "is not a regular file"),
        ("none", "no such file"),
        (".", "can't be read: Is a directory"),
    ):
        path = tmp_path / name
        assert [str(fault) for fault in read(path).faults] == [f"{path}: {cause}"]


def test_size_is_bounded(tmp_path: Path) -> None:
    """A file beyond 512 KiB is refused before it is parsed."""
    (tmp_path / "big.yml").write_text("#" * 600_000)
    assert [fault.cause for fault in read(tmp_path / "big.yml").faults] == ["larger than 512 KiB"]
