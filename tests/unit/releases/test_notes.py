"""Release notes: the makers' text, and what an operator must know beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.model.version import Version
from clmdeploy.releases.manifest import BundleEntry, Manifest, Release
from clmdeploy.releases.notes import Language, between, render

VERSIONS = st.builds(lambda a, b, c: Version(f"{a}.{b}.{c}"), *[st.integers(0, 3)] * 3)


def _release(
    version: str, *, ru: str = "", en: str = "", migrations: int = 0, documents: tuple[str, ...] = ()
) -> Release:
    expanding = {"kind": "expand", "apply": ["m"], "revert": ["m"], "oldest_compatible_app": "1.0.0"}
    contracting = expanding | {"kind": "contract", "revert": "irreversible"}
    listed = [{"version": number} | (contracting if number == 5 else expanding) for number in range(1, migrations + 1)]
    manifest = Manifest.model_validate({
        "format": "release/1", "name": "clm", "version": version, "components": [{"name": "a", "group": "a"}],
        "schema": {"needs": min(migrations, 4), "group": "db", "version_command": ["m"], "migrations": listed},
        "notes": {"ru": ru, "en": en}, "documents": documents,
    })  # fmt: skip
    return Release(manifest=manifest, bundle=BundleEntry(sha256="0" * 64, size=0, unpacked=0), files=())


def test_notes_of_one_release() -> None:
    """Heading, the makers' Markdown as it is, migrations with their consequences, changed documents."""
    before = _release("1.2.0", migrations=3)
    release = _release("2.0.0", ru="Имя **по частям**.\n\n- `{{ x }}`", migrations=5, documents=("docs/operations.md",))
    assert render([release], "ru", before) == (
        "## clm 2.0.0\n\n"
        "Имя **по частям**.\n\n- `{{ x }}`\n\n"
        "### Изменения схемы базы данных\n\n"
        "- 4: расширяющее; работают выпуски начиная с 1.0.0\n"
        "- 5: сужающее: более старые выпуски после него не работают, необратимо; работают выпуски начиная с 1.0.0\n\n"
        "### Изменённые эксплуатационные документы\n\n"
        "- `docs/operations.md`\n"
    )


def test_a_range_stands_newest_first_and_tells_each_migration_once() -> None:
    """Each release lists what is new in it, not what every release before it brought."""
    releases = [_release("1.9.0", en="Old", migrations=1), _release("1.10.0", en="New", migrations=2)]
    text = render(reversed(releases), "en")
    assert text.index("## clm 1.10.0") < text.index("## clm 1.9.0")
    assert text.count("- 1: expanding") == 1
    assert text.count("- 2: expanding") == 1
    assert text.index("- 2:") < text.index("## clm 1.9.0")


@pytest.mark.parametrize(
    ("language", "ru", "en", "expected"),
    [
        ("ru", "Текст", "Text", "Текст"),
        ("en", "Текст", "Text", "Text"),
        ("ru", "", "Text", "только на английском языке:\n\nText"),
        ("en", "Текст", " \n", "in Russian only:\n\nТекст"),
        ("ru", "", "", "Описания нет."),
        ("en", "", "", "No description."),
    ],
)
def test_the_other_language_is_better_than_nothing(language: Language, ru: str, en: str, expected: str) -> None:
    """Notes in the wanted language; else in the other one, and said so; else said that there are none."""
    assert expected in render([_release("1.0.0", ru=ru, en=en)], language)


@given(st.lists(VERSIONS, unique=True), st.none() | VERSIONS, VERSIONS)
def test_a_range_excludes_where_one_is_and_includes_where_one_goes(
    versions: list[Version], after: Version | None, up_to: Version
) -> None:
    """Exactly the versions above the one and up to the other, in rising order."""
    chosen = between(versions, after, up_to)
    assert chosen == sorted(chosen)
    assert set(chosen) == {v for v in versions if v <= up_to and not (after is not None and v <= after)}
