"""A notice: what people are told of one change, in every language at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from clmdeploy.changes.events import Who
from clmdeploy.model.value import JsonValue, Value

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = ("ru", "en")
Occasion = Literal["failed", "unknown", "missed", "paused", "open"]


class Words(Value):
    """The notice in one language: the verdict, what led to it, and the three lines."""

    verdict: str
    causes: tuple[str, ...] = ()
    runs: str
    safe: str
    next: str = ""
    """empty where there is nothing to type"""
    facts: tuple[tuple[str, str], ...] = ()
    """label and value: which change, of whom, why"""


class Notice(Value):
    """What a command gets on standard input and a letter is written from. No text in `words` has control characters."""

    format: Literal["notice/1"] = "notice/1"
    id: str
    """tells a notice that is sent once more from another one"""
    at: str
    """ISO 8601 with the environment's zone: when it happened, not when it was sent"""
    environment: str
    occasion: Occasion
    """failed; unknown: begun, outcome not known; missed: not begun; paused; open: found open, nobody at work on it"""
    change: str | None = None
    title: str
    reason: str = ""
    who: Who
    subject: str
    words: Mapping[Language, Words]
    ending: Mapping[str, JsonValue]
    """as in `ending/1`"""
