"""Release notes as Markdown, in Russian or English: of one release, or of all between two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

from clmdeploy.model.version import Version
from clmdeploy.releases.manifest import Migration, Release

Language = Literal["ru", "en"]

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "none": "Описания нет.",
        "other": "Описание есть только на английском языке:",
        "schema": "Изменения схемы базы данных",
        "expand": "расширяющее",
        "contract": "сужающее: более старые выпуски после него не работают",
        "irreversible": "необратимо",
        "oldest": "работают выпуски начиная с",
        "documents": "Изменённые эксплуатационные документы",
    },
    "en": {
        "none": "No description.",
        "other": "The description is in Russian only:",
        "schema": "Database schema changes",
        "expand": "expanding",
        "contract": "contracting: older releases do not run after it",
        "irreversible": "irreversible",
        "oldest": "runs releases from",
        "documents": "Changed operating documents",
    },
}


def render(releases: Iterable[Release], language: Language, before: Release | None = None) -> str:
    """The notes of `releases` as one Markdown text, newest first. The makers' own text is carried verbatim.

    `before` is the release that came before the oldest of them: a manifest lists every migration there ever was, and
    only those that are new in each release belong into its notes.
    """
    rising = sorted(releases, key=lambda release: release.version)
    sections = [_section(release, older, language) for older, release in pairwise([before, *rising]) if release]
    return "\n".join(line for section in reversed(sections) for line in section)


def between(versions: Iterable[Version], after: Version | None, up_to: Version) -> list[Version]:
    """The versions above `after` (all from the first if None) up to `up_to` itself, lowest first."""
    return sorted(version for version in versions if (after is None or version > after) and version <= up_to)


def _section(release: Release, older: Release | None, language: Language) -> list[str]:
    words = _WORDS[language]
    known = _migrations(older) if older else ()
    migrations = [_migration(new, words) for new in _migrations(release) if new not in known]
    documents = [f"- `{document}`" for document in release.manifest.documents]
    return [
        f"## {release.manifest.name} {release.version}\n",
        *_prose(release, language),
        *_listed(words["schema"], migrations),
        *_listed(words["documents"], documents),
    ]


def _listed(title: str, lines: list[str]) -> list[str]:
    return [f"### {title}\n", *lines, ""] if lines else []


def _prose(release: Release, language: Language) -> Iterator[str]:
    words, notes = _WORDS[language], release.manifest.notes
    own, other = (notes.ru, notes.en) if language == "ru" else (notes.en, notes.ru)
    if own.strip():
        yield own.strip() + "\n"
    elif other.strip():
        yield f"{words['other']}\n"
        yield other.strip() + "\n"
    else:
        yield f"{words['none']}\n"


def _migrations(release: Release) -> tuple[Migration, ...]:
    return release.manifest.data_schema.migrations if release.manifest.data_schema else ()


def _migration(migration: Migration, words: Mapping[str, str]) -> str:
    kind = words[migration.kind]
    reversible = f", {words['irreversible']}" if migration.revert == "irreversible" else ""
    return f"- {migration.version}: {kind}{reversible}; {words['oldest']} {migration.oldest_compatible_app}"
