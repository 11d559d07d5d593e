"""release.yml is read safely: whatever stands in it, the answer is a manifest or InvalidInput."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clmdeploy.model.errors import ExitCode, InvalidInput
from clmdeploy.releases.source import load_manifest, parse_manifest

HEAD = "format: release/1\nname: clm\ncomponents: [{name: web, group: on}]\n"
BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
LONG_BOMB = f"a: &a {'x' * 100_000}\nb: [" + "*a, " * 1000 + "]\n"


def _message(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(text, "release.yml")
    return caught.value.message


def test_reads_a_manifest(tree: Path) -> None:
    """The manifest of a release directory, with its text as it was written."""
    manifest = load_manifest(tree)
    assert str(manifest.version) == "1.2.0"
    assert manifest.notes.ru == "Список абонентов **листается**: {{ не шаблон }}."


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"[" * 100_000)
@example(b"{a: " * 100_000)
@example(b"- " * 100_000)
@example(b'"\\ud800"')
@example(b"\xff\xfea\x00")
@example(b"? [a]\n: b")
@example(b"!!binary x")
@example(b"1e999999: 1")
@example(b"%YAML 9.9\n---\na: 1")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_are_a_manifest_or_invalid_input(tmp_path: Path, content: bytes) -> None:
    """No bytes make the reader fail otherwise; faults name the file and are printable."""
    (tmp_path / "release.yml").write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load_manifest(tmp_path)
    assert caught.value.exit_code is ExitCode.INVALID
    assert all(line.startswith(str(tmp_path)) for line in caught.value.message.split("\n"))
    assert caught.value.message.replace("\n", "").isprintable()


def test_an_unquoted_version_that_lost_a_zero_is_explained() -> None:
    """1.10 is a number to YAML: said so, with what to write."""
    with pytest.raises(InvalidInput, match="text in quotes, not float") as caught:
        parse_manifest(f"{HEAD}version: 1.10\n", "release.yml")
    assert 'version: "1.10.0"' in caught.value.hint


def test_words_of_old_yaml_stay_text() -> None:
    """`on`, `yes` and dates are the text they look like."""
    assert parse_manifest(f"{HEAD}version: 1.2.3\n", "release.yml").components[0].group == "on"
    assert "not a version" in _message(f"{HEAD}version: 2024-01-01\n")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (f"{HEAD}version: 1.2.3\nversion: 1.2.4\n", "line 5, column 1: the key version stands twice"),
        ("a: &a [*a]\n", "line 1: the alias *a has no anchor before it"),
        ("a: *b\n", "line 1: the alias *b has no anchor before it"),
        (BOMB, "line 20: grows too large by its aliases"),
        (LONG_BOMB, "grows too large by its aliases"),
        (f"{HEAD}version: !!python/object:os.system 1.2.3\n", "line 4: the tag"),
        (f"{HEAD}version: !vault x\n", "line 4: the tag !vault"),
        (f"{HEAD}version: 1.2.3\n<<: {{name: x}}\n", "<<: this key is unknown"),
        ("[" * 33 + "]" * 33, "nested more than 32 levels"),
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        ("a: 1\n---\nb: 1\n", "another document"),
        ("a: b: c", "line 1, column 5"),
    ],
)
def test_refuses_what_json_has_not(text: str, cause: str) -> None:
    """Duplicate keys, alias bombs, tags, merges, depth and several documents are refused with their line."""
    assert cause in _message(text)


@pytest.mark.parametrize("number", ["9" * 5000, "1e400", "-1e400", ".inf", ".nan", "0x10", "0o17", "1_000", "1:30"])
def test_odd_numbers_are_text(number: str) -> None:
    """Numbers beyond 64 bits, infinities, other bases and sexagesimals are no numbers here."""
    message = _message(f"{HEAD}version: 1.2.3\nrequires: {{disk: {number}}}\n")
    assert "requires.disk: Input should be a valid integer" in message


def test_an_alias_saves_writing() -> None:
    """A value may be written once and used again."""
    text = f"{HEAD}version: &v 1.2.3\nnotes: {{ru: *v, en: *v}}\n"
    assert parse_manifest(text, "release.yml").notes.en == "1.2.3"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No release.yml: the path that was looked for."""
    with pytest.raises(InvalidInput, match=r"release\.yml: no such file"):
        load_manifest(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """More than 1 MiB is refused before it is parsed."""
    with (tmp_path / "release.yml").open("wb") as file:
        file.truncate(20 * 1024**3)
    with pytest.raises(InvalidInput, match="larger than 1024 KiB"):
        load_manifest(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """release.yml that is a named pipe is refused at once."""
    os.mkfifo(tmp_path / "release.yml")
    with pytest.raises(InvalidInput, match="not a regular file"):
        load_manifest(tmp_path)
