"""What the global options said: one frozen value that every command gets. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clmdeploy.cli.language import text
from clmdeploy.model.bilingual import Bilingual, Language, in_language


@dataclass(frozen=True)
class Invocation:
    """The global options of one run; commands get it with `@pass_invocation`."""

    inventories: Path | None = None
    """From `--inventories` or $CLM_INVENTORIES; None means ./inventories (config.loading decides)."""
    language: Language = "en"
    json: bool = False
    debug: bool = False
    verbose: bool = False

    def say(self, key: str, **fields: object) -> str:
        """The catalogue's sentence `key` in this run's language."""
        return text(key, self.language, **fields)

    @staticmethod
    def both(key: str, **fields: object) -> Bilingual:
        """The same in both languages: for failures, which JSON and logs tell in English whatever the run's language."""
        return Bilingual(text(key, "en", **fields), text(key, "ru", **fields))

    def told(self, words: str) -> str:
        """What another room says, in this run's language where it knows that."""
        return in_language(words, self.language)


def preferred_language(environ: Mapping[str, str]) -> Language:
    """The language of the locale, in the order that POSIX gives to its variables."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(variable):
            return "ru" if environ[variable].lower().startswith("ru") else "en"
    return "en"


def glance(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> Invocation:
    """What must be known even when the command line can't be parsed: how to report the failure itself."""
    own = list(arguments)
    if "--" in own:  # what follows is another program's
        own = own[: own.index("--")]
    language = preferred_language(os.environ if environ is None else environ)
    for index, word in enumerate(own):
        wanted = word.removeprefix("--lang=") if word.startswith("--lang=") else ""
        if word == "--lang" and index + 1 < len(own):
            wanted = own[index + 1]
        if wanted in ("ru", "en"):
            language = "ru" if wanted == "ru" else "en"
    return Invocation(language=language, json="--json" in own, debug="--debug" in own, verbose="--verbose" in own)
