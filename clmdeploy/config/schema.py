"""Walks the settings model: which fields it has, how deep, and what pydantic's complaints mean to an administrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from clmdeploy.config.faults import KeyPath, nearest


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The nested model that a field holds (optional or not), or None for a plain value or a list."""
    return None if get_origin(field.annotation) is tuple else _model_in(field)


def entry_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a list's entries, or None where there is no list of models."""
    return _model_in(field) if get_origin(field.annotation) is tuple else None


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def model_at(model: type[BaseModel], key: KeyPath) -> type[BaseModel] | None:
    """The nested model that stands at `key`, or None when no model does."""
    current: type[BaseModel] | None = model
    for part in key:
        if isinstance(part, int):
            continue  # an entry of the list that was named before
        field = current.model_fields.get(part) if current else None
        current = _model_in(field) if field else None
    return current


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[tuple[KeyPath, str]]:
    """Every complaint of one validation as key path and sentence. No sentence repeats the refused value."""
    result = []
    for detail in error.errors(include_url=False, include_input=False):
        # "[key]" is pydantic's mark for a key that is itself at fault; an unknown key may be called so too.
        unmarked = tuple(part for part in detail["loc"] if part != "[key]")
        key = detail["loc"] if detail["type"] == "extra_forbidden" else unmarked
        result.append((key, _sentence(detail, key, model)))
    return result


def _sentence(detail: ErrorDetails, key: KeyPath, model: type[BaseModel]) -> str:
    above = model_at(model, key[:-1])
    if detail["type"] == "extra_forbidden":
        return f"unknown key{nearest(str(key[-1]), above.model_fields if above else ())}"
    if detail["type"] == "missing" and above:
        return f"is missing: {_purpose(above.model_fields[str(key[-1])])}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    words = _WORDS.get(detail["type"])
    return words(detail.get("ctx", {})) if words else detail["msg"][:1].lower() + detail["msg"][1:]


def _purpose(field: FieldInfo) -> str:
    example = f" For example: {field.examples[0]}" if field.examples else ""
    return f"{field.description or 'required.'}{example}"


_Context = Mapping[str, Any]  # Any: pydantic's context of one error

_WORDS: Mapping[str, Callable[[_Context], str]] = {
    "model_type": lambda _: "must be a mapping of keys to values",
    "model_attributes_type": lambda _: "must be a mapping of keys to values",
    "dict_type": lambda _: "must be a mapping of keys to values",
    "string_type": lambda _: "must be text",
    "string_pattern_mismatch": lambda _: "holds characters that can't stand there",
    "int_parsing": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "literal_error": lambda context: f"must be {context['expected']}",
    "too_short": lambda context: f"must have at least {context['min_length']} entries",
    "too_long": lambda context: f"must have at most {context['max_length']} entries",
}
