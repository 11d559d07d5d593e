"""Sentences in both languages of those who read them: written side by side where they are true, chosen by the face.

Standard library only: the face imports this before anything heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

Language = Literal["ru", "en"]


class Bilingual(str):
    """A sentence in English that knows its Russian.

    It *is* the English sentence: JSON, logs and the journal need not know of the other. Whatever makes plain text of it
    (an f-string, `join`, a slice) keeps the English alone; to build upon one, see `russian` and `joined`.
    """

    ru: str

    def __new__(cls, en: str, ru: str) -> Self:
        made = super().__new__(cls, en)
        made.ru = ru
        return made


def russian(words: str) -> str:
    """In Russian where that is known; what has but one language (a name, a host's own words) as it is."""
    return words.ru if isinstance(words, Bilingual) else words


def in_language(words: str, language: Language) -> str:
    """For whoever reads it."""
    return russian(words) if language == "ru" else str(words)


def joined(separator: str, parts: Iterable[str]) -> Bilingual:
    """What `separator.join` does, in both languages."""
    told = list(parts)
    return Bilingual(separator.join(told), separator.join(map(russian, told)))


def lines(parts: Iterable[str]) -> Bilingual:
    """One below the other."""
    return joined("\n", parts)
