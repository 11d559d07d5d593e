"""Writes a clm.yml from the model: every key with its meaning, what is required set, the rest there to be uncommented.

`# words` is a comment; `#key: value` is a setting at its default.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from clmdeploy.config.schema import section_of
from clmdeploy.config.secrets import SecretReference
from clmdeploy.config.settings import Environment
from clmdeploy.config.yaml_source import YamlValue

_WIDTH = 100
_HEAD = """\
Settings of one environment of clmdeploy. Durations are whole seconds; relative paths are relative to
this file's directory. A line like `#key: value` shows a default: take away the # to change it.
Secrets never stand here: {env: NAME}, {file: PATH}, or an ansible-vault value (!vault |).
Check it with: clmdeploy config check -e NAME"""


def render(values: Mapping[str, YamlValue] | None = None) -> str:
    """A commented clm.yml. Keys in `values` (nested as in the file) are set; other required keys show examples."""
    lines = [f"# {line}" for line in _HEAD.splitlines()]
    for name, field in Environment.model_fields.items():
        lines += ["", *_entry(name, field, dict(values or {}), 0, asleep=False)]
    return "\n".join(lines) + "\n"


def plain_section(field: FieldInfo) -> type[BaseModel] | None:
    """The nested section of a field. A secret's reference is written in one line, so it is none."""
    section = section_of(field)
    return None if section is SecretReference else section


def default_of(field: FieldInfo) -> YamlValue:
    """A plain field's default as YAML shows it; PydanticUndefined when it is required."""
    default = field.get_default(call_default_factory=False)
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default


def limits_of(field: FieldInfo) -> str:
    """What a field's value must be within, in words; empty when nothing can be said shortly."""
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
        return " | ".join(choices) if len(choices) > 1 else ""
    bounds = {name: getattr(item, name) for item in field.metadata for name in ("ge", "le") if hasattr(item, name)}
    return f"{bounds['ge']} to {bounds['le']}" if len(bounds) == 2 else ""


def scalar(value: YamlValue) -> str:
    """A value in one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").rstrip("\n")


def _entry(name: str, field: FieldInfo, given: dict[str, Any], depth: int, *, asleep: bool) -> Iterator[str]:
    """The lines of one key. `asleep`: the section above is commented out, so this is too."""
    indent = "  " * depth
    wrapped = textwrap.wrap(_comment(field), _WIDTH - len(indent) - 2, break_on_hyphens=False)
    yield from (f"{indent}# {line}" for line in wrapped)
    section = plain_section(field)
    sleeps = asleep or (name not in given and not field.is_required())
    mark = "#" if sleeps else ""
    if section is None:
        value = given.get(name, _shown(field))
        yield f"{indent}{mark}{name}: {scalar(value)}"
        return
    yield f"{indent}{mark}{name}:"
    for key, below in section.model_fields.items():
        yield from _entry(key, below, given.get(name, {}), depth + 1, asleep=sleeps)


def _comment(field: FieldInfo) -> str:
    notes = ["required" if field.is_required() else "optional"]
    if limits := limits_of(field):
        notes.append(limits)
    return f"{field.description} [{'; '.join(notes)}]"


def _shown(field: FieldInfo) -> YamlValue:
    """The default, or the example where there is none to show."""
    default = default_of(field)
    return (field.examples or [None])[0] if default in (None, PydanticUndefined) else default
