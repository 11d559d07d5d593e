""".clmignore: which paths of a release's directory stay out of its bundle. A plain part of gitignore's language.

A line is a glob: `*` and `?` stop at `/`, `**` does not. A line with `/` in front or inside is meant from the top,
any other at every depth; a trailing `/` means directories only; `#` begins a comment. What gitignore has beyond
this (`!`, `[`, `\\`) is refused, not misread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.config.files import read_text
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable

FILE_NAME = ".clmignore"
_ALWAYS = (".git", "__pycache__", "*.pyc", f"/{FILE_NAME}")
_LARGEST = 64 * 1024
_GLOBS = {"**/": r"(?:[^/]+/)*", "/**": r"/.+", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
_BEYOND = re.compile(r"^\s*!|[\[\\]")
_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?/]+|/", re.DOTALL)


@dataclass(frozen=True)
class IgnoreRules:
    """Says of a path, relative to the release's directory, whether it stays out."""

    anything: re.Pattern[str]
    directories: re.Pattern[str]

    def match(self, path: str, is_directory: bool) -> bool:
        """Whether `path` itself is named; what lies below an ignored directory is never asked for."""
        return bool(self.anything.fullmatch(path) or (is_directory and self.directories.fullmatch(path)))


def load_rules(directory: Path) -> IgnoreRules:
    """The rules of `directory`'s .clmignore and the standing ones. Raises InvalidInput for a line it can't keep."""
    path = directory / FILE_NAME
    lines = read_text(path, _LARGEST).splitlines() if path.is_symlink() or path.exists() else []
    faults = [
        f"line {number}: {printable(line, 80)}: rules with !, [ or \\ are not supported"
        for number, line in enumerate(lines, 1)
        if not line.startswith("#") and _BEYOND.search(line)
    ]
    if faults:
        raise InvalidInput.of_faults(str(path), faults, "name what stays out, not what stays in")
    return rules_of(lines)


def rules_of(lines: Iterable[str]) -> IgnoreRules:
    """The rules that `lines` spell, and the standing ones."""
    globs = [line.strip() for line in (*_ALWAYS, *lines)]
    globs = [glob for glob in globs if glob.strip("/") and not glob.startswith("#")]
    anything = [_pattern(glob) for glob in globs if not glob.endswith("/")]
    directories = [_pattern(glob.rstrip("/")) for glob in globs if glob.endswith("/")]
    return IgnoreRules(_any_of(anything), _any_of(directories))


def _pattern(glob: str) -> str:
    anywhere = "" if "/" in glob else r"(?:.*/)?"
    return anywhere + "".join(_GLOBS.get(token) or re.escape(token) for token in _TOKEN.findall(glob.lstrip("/")))


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)", re.DOTALL)
