""".clmignore: a plain part of gitignore's language."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.model.errors import InvalidInput
from clmdeploy.releases.ignore import load_rules, rules_of


@pytest.mark.parametrize(
    ("rule", "ignored", "kept"),
    [
        ("*.log", ["a.log", "deep/down/b.log"], ["a.log.gz", "log"]),
        ("/dist", ["dist"], ["web/dist"]),
        ("web/*.map", ["web/a.map"], ["web/js/a.map", "a.map", "x/web/a.map"]),
        ("web/**/*.map", ["web/a.map", "web/js/a.map", "web/js/x/a.map"], ["a.map", "web/a.mapx"]),
        ("**/cache", ["cache", "a/b/cache"], ["cached", "acache"]),
        ("tests/**", ["tests/a", "tests/a/b"], ["tests", "tests2/a"]),
        ("?.txt", ["a.txt", "x/b.txt"], ["ab.txt", ".txt"]),
        ("a+b(c).$", ["a+b(c).$"], ["aab(c).$", "abc"]),
        ("# comment", [], ["# comment", "comment"]),
        ("   ", [], [" ", "a"]),
    ],
)
def test_a_rule_matches_what_gitignore_would(rule: str, ignored: list[str], kept: list[str]) -> None:
    """Globs, anchors and `**` mean what they mean to git."""
    rules = rules_of([rule])
    assert [path for path in ignored if not rules.match(path, False)] == []
    assert [path for path in kept if rules.match(path, False)] == []


def test_a_trailing_slash_means_directories() -> None:
    """`build/` keeps the directory out and not a file of that name."""
    rules = rules_of(["build/"])
    assert rules.match("build", True)
    assert rules.match("a/build", True)
    assert not rules.match("build", False)


@pytest.mark.parametrize("path", [".git", "web/.git", "__pycache__", "clm/__pycache__", "a/b.pyc", ".clmignore"])
def test_some_things_never_go_along(path: str) -> None:
    """Version control, compiled Python and the rules themselves stay out without being named."""
    assert rules_of([]).match(path, False)


@given(st.text(max_size=30), st.text(st.characters(exclude_characters="/"), min_size=1, max_size=10))
def test_any_line_is_a_rule(line: str, path: str) -> None:
    """No line makes matching fail, and a plain name always matches itself."""
    rules_of([line]).match(path, False)
    if not set(path) & set("*?[\\!#") and path.strip() == path:
        assert rules_of([path]).match(path, False)


@pytest.mark.parametrize("line", ["!keep.log", "[ab].log", "a\\ b"])
def test_what_is_not_supported_is_refused(tmp_path: Path, line: str) -> None:
    """Negation, classes and escapes are refused with their line, never misread."""
    (tmp_path / ".clmignore").write_text(f"*.log\n{line}\n")
    with pytest.raises(InvalidInput, match=r"\.clmignore: line 2"):
        load_rules(tmp_path)


def test_comments_may_hold_anything(tmp_path: Path) -> None:
    """A comment is not judged."""
    (tmp_path / ".clmignore").write_text("# [all] of !this\n*.log\n")
    assert load_rules(tmp_path).match("a.log", False)
