"""Reads YAML that people wrote: bounded, without code, remembering the line of every key.

What PyYAML's safe loader lets pass is refused here: duplicate keys (the last one would win in silence), aliases that
multiply, keys that aren't text, merge keys, unknown tags, templates. Scalars mean what they mean to Ansible (YAML 1.1),
save for dates, which stay text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from clmdeploy.config.faults import Fault, KeyPath
from clmdeploy.config.fields import refuse_jinja
from clmdeploy.config.files import read_text
from clmdeploy.model.errors import InvalidInput

YamlValue = Any  # Any: YAML is recursive; every reader checks what it takes from it

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where the wheel carries it: ten times as fast
_LIMIT = 512 * 1024
_DEPTH = 32
_NODES = 50_000
_CORE = "tag:yaml.org,2002:"
_CONVERT = {
    f"{_CORE}null": SafeConstructor.construct_yaml_null,
    f"{_CORE}bool": SafeConstructor.construct_yaml_bool,
    f"{_CORE}int": SafeConstructor.construct_yaml_int,
    f"{_CORE}float": SafeConstructor.construct_yaml_float,
}
_TEXT = {f"{_CORE}{kind}" for kind in ("str", "timestamp", "value")} | {"!", "!unsafe"}


@dataclass
class Document:
    """One YAML file: its content, the line of every key path, and what had to be refused."""

    path: Path
    content: YamlValue = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, key: KeyPath, cause: str) -> Fault:
        """A fault at `key`, with the line of that key or of the nearest key above it."""
        near = key
        while near and near not in self.lines:
            near = near[:-1]
        return Fault(self.path, cause, key, self.lines[near] if near else 0)


def read(path: Path) -> Document:
    """Reads one file of at most 512 KiB. Never raises for what stands in it: see `Document.faults`."""
    try:
        return parse(read_text(path, _LIMIT), path)
    except InvalidInput as error:
        return Document(path, faults=[Fault(path, error.message.removeprefix(f"{path}: "))])


def parse(text: str, path: Path) -> Document:
    """Reads `text` as the content of `path`. A fault of the syntax leaves the content None."""
    document = Document(path)
    try:
        _Builder(document, yaml.parse(text, Loader=_LOADER)).build()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        document.faults.append(Fault(path, f"is not YAML: {error.problem or error.context}", line=line))
    except (yaml.YAMLError, _TooMuchError) as error:
        document.faults.append(Fault(path, f"is not usable YAML: {str(error).splitlines()[0]}"))
    return document


def _line(event: yaml.Event) -> int:
    """Lines of people count from 1, marks of the parser from 0."""
    return event.start_mark.line + 1 if event.start_mark else 0


class _TooMuchError(Exception):
    """The file is nested or multiplied beyond what a configuration needs."""


class _Builder:
    """Turns the parser's events into plain values."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self.document = document
        self.events = events
        self.anchors: dict[str, tuple[YamlValue, int]] = {}
        self.nodes = 0
        self.resolver: Any = Resolver()  # Any: PyYAML's stubs leave its methods untyped
        self.constructor = SafeConstructor()

    def build(self) -> None:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.nodes:
                    raise _TooMuchError("more than one document in the file")
                self.document.content = self.value(next(self.events), ())

    def value(self, event: yaml.Event, key: KeyPath) -> YamlValue:
        if len(key) > _DEPTH:
            raise _TooMuchError(f"nested deeper than {_DEPTH} levels")
        self.document.lines.setdefault(key, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, key)
        if not isinstance(event, yaml.NodeEvent):
            raise _TooMuchError("cut short")
        before = self.nodes
        self.count(1)
        result = self.node(event, key)
        if event.anchor:
            self.anchors[event.anchor] = (result, self.nodes - before)
        return result

    def node(self, event: yaml.NodeEvent, key: KeyPath) -> YamlValue:
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, key)
        tag = event.tag if isinstance(event, yaml.CollectionStartEvent) else None
        if tag not in (None, "!", f"{_CORE}map", f"{_CORE}seq"):
            self.refuse(key, f"the tag {tag} is not read")
        return self.mapping(key) if isinstance(event, yaml.MappingStartEvent) else self.sequence(key)

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > _NODES:
            raise _TooMuchError(f"more than {_NODES} values, aliases included")

    def alias(self, event: yaml.AliasEvent, key: KeyPath) -> YamlValue:
        if event.anchor not in self.anchors:  # also an anchor inside itself, which has not ended yet
            self.refuse(key, f"alias *{event.anchor} has no anchor before it")
            return None
        value, size = self.anchors[event.anchor]
        self.count(size)
        return value

    def sequence(self, key: KeyPath) -> list[YamlValue]:
        items: list[YamlValue] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, (*key, len(items))))
        return items

    def mapping(self, key: KeyPath) -> dict[str, YamlValue]:
        result: dict[str, YamlValue] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name = self.name(event, key)
            below = (*key, name)
            if name in result:
                self.refuse(below, f"stands twice (again in line {_line(event)})")
            self.document.lines.setdefault(below, _line(event))
            result[name] = self.value(next(self.events), below)
        return result

    def name(self, event: yaml.Event, key: KeyPath) -> str:
        """A key of a mapping. What can't be one is refused and stands in as text, so that reading goes on."""
        stand_in = f"(key in line {_line(event)})"
        inside = (*key, stand_in)
        name = self.value(event, inside)
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            self.refuse(inside, "merge keys (<<) are not read: write the keys out")
        elif isinstance(event, yaml.CollectionStartEvent):
            self.refuse(inside, "a key can't be a list or a mapping (and Jinja is never run on data)")
        elif not isinstance(name, str):
            self.refuse(inside, "a key must be text: put it in quotes")
        return name if isinstance(name, str) else stand_in

    def scalar(self, event: yaml.ScalarEvent, key: KeyPath) -> YamlValue:
        text = event.value
        tag: str = event.tag or self.resolver.resolve(yaml.ScalarNode, text, event.implicit)
        if tag == "!vault":
            return {"vault": text}
        if tag in _CONVERT:
            return self.convert(tag, text, key)
        if tag not in _TEXT and tag != f"{_CORE}merge":
            self.refuse(key, f"the tag {tag} is not read")
        try:
            return refuse_jinja(text)
        except ValueError as error:
            self.refuse(key, str(error))
            return text

    def convert(self, tag: str, text: str, key: KeyPath) -> YamlValue:
        try:
            return _CONVERT[tag](self.constructor, yaml.ScalarNode(tag, text))
        except (ValueError, KeyError, IndexError, OverflowError):  # `!!int x`, `!!bool maybe`, 5,000 digits
            self.refuse(key, f"can't be read as {tag.removeprefix(_CORE)}")
            return None

    def refuse(self, key: KeyPath, cause: str) -> None:
        self.document.faults.append(self.document.fault(key, cause))
