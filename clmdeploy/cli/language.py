"""Failures, verdicts and prompts in Russian or English; commands, flags and JSON stay English.

The catalogue is two Python dicts with the same keys (`messages/en.py`, `messages/ru.py`): nothing is read or parsed
before the first sentence is needed. Fields are filled in by `str.format`, never evaluated. It holds what the face
itself says; what other rooms say of a failure comes from there in both languages (`model/bilingual.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from clmdeploy.model.bilingual import Language, in_language


def catalogue(language: Language) -> Mapping[str, str]:
    """All sentences of one language, `en` or `ru`."""
    return cast(Mapping[str, str], import_module(f"clmdeploy.cli.messages.{language}").MESSAGES)


def text(key: str, language: Language, **fields: object) -> str:
    """The sentence `key` in `language` with its `{fields}` filled in; a field that knows both languages is in the same.

    Raises KeyError when the catalogue lacks the key or the caller lacks a field: both are faults of the program.
    """
    told = {name: in_language(field, language) if isinstance(field, str) else field for name, field in fields.items()}
    return catalogue(language)[key].format(**told)
