"""Failures, verdicts and prompts in Russian or English; commands, flags and JSON stay English.

The catalogue is two Python dicts with the same keys (`messages/en.py`, `messages/ru.py`): nothing is read or parsed
before the first sentence is needed. Fields are filled in by `str.format`, never evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast


def catalogue(language: str) -> Mapping[str, str]:
    """All sentences of one language, `en` or `ru`."""
    return cast(Mapping[str, str], import_module(f"clmdeploy.cli.messages.{language}").MESSAGES)


def text(key: str, language: str, **fields: object) -> str:
    """The sentence `key` in `language` with its `{fields}` filled in.

    Raises KeyError when the catalogue lacks the key or the caller lacks a field: both are faults of the program.
    """
    return catalogue(language)[key].format(**fields)
