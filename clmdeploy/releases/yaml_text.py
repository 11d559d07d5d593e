"""A small, safe part of YAML for release.yml: JSON's types, no tags, no duplicate keys, bounded aliases and depth.

Numbers and true/false follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `on`, `yes`
and dates stay text, so that a component may be in the group `on` and nothing turns into a date unasked.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue

_DEEPEST = 32
_LARGEST = 4 * 1024**2  # characters and values, aliases written out
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # Any: the C loader is there where libyaml is


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """Knows the types of JSON only and refuses a key that stands twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # PyYAML's own way

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in seen:
                problem = f"the key {printable(key.value, 80)} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        values: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return {str(key): value for key, value in values.items()}


def _finite(loader: Any, node: yaml.ScalarNode) -> float | str:  # Any: PyYAML's loaders have no common type
    number = float(loader.construct_scalar(node))
    return number if math.isfinite(number) else str(node.value)


for _tag, _pattern, _first in (
    ("null", r"|~|null", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(0|[1-9][0-9]{0,18})", list("-+0123456789")),
    ("float", r"[-+]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,4})?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _finite)


def parse(text: str, source: str) -> JsonValue:
    """The one document of `text` as JSON values. Raises InvalidInput naming `source`, line and column."""
    try:
        _refuse_odd_events(text, source)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader, narrowed further
    except yaml.YAMLError as error:
        raise InvalidInput(f"{source}: {_place(error)}", "correct the YAML there") from error
    except ValueError as error:  # PyYAML lets impossible escapes and code points through to chr()
        raise InvalidInput(f"{source}: is not YAML: {printable(str(error))}", "correct the YAML there") from error


def _refuse_odd_events(text: str, source: str) -> None:
    """Before anything is built: events come one by one, however deep or often repeated the document is."""
    guard = _Guard()
    for event in yaml.parse(text, Loader=_Base):
        cause = guard.oddity(event)
        if cause:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InvalidInput(f"{source}: line {line}: {cause}", "write the value itself, in plain YAML")


class _Guard:
    """Watches depth, tags, and how large the document becomes once its aliases are written out."""

    def __init__(self) -> None:
        self._open: list[tuple[str | None, int]] = []  # of each open collection: anchor, and size when it began
        self._anchored: dict[str, int] = {}
        self._size = 0

    def oddity(self, event: Any) -> str | None:  # Any: PyYAML's events have no common typed base
        if getattr(event, "tag", None) is not None:
            return f"the tag {printable(event.tag, 80)} is not used here"
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:  # also an anchor inside itself, which has not ended yet
                return f"the alias *{printable(str(event.anchor), 80)} has no anchor before it"
            self._size += self._anchored[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            self._enter(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._anchor(*self._open.pop())
        if len(self._open) > _DEEPEST:
            return f"nested more than {_DEEPEST} levels deep"
        return "grows too large by its aliases" if self._size > _LARGEST else None

    def _enter(self, event: Any) -> None:  # Any: as above
        before = self._size
        self._size += 1 + len(getattr(event, "value", ""))
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, before))
        else:
            self._anchor(event.anchor, before)

    def _anchor(self, name: str | None, before: int) -> None:
        if name is not None:
            self._anchored[name] = self._size - before


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = printable(str(getattr(error, "problem", None) or getattr(error, "reason", None) or "is not YAML"))
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem
