"""Pydantic's findings, as an administrator reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from clmdeploy.model.faults import faults_of, printable
from clmdeploy.model.value import Value


class Part(Value):
    name: str
    size: int = Field(1, ge=1)
    undo: tuple[str, ...] | None = None


class Whole(Value):
    parts: tuple[Part, ...] = Field(min_length=1)


def _faults(document: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(document, strict=False)
    return faults_of(caught.value)


def test_names_every_fault_by_its_key_path() -> None:
    """All faults at once; key paths with dots; the value that was found."""
    faults = _faults({"parts": [{"name": "a", "size": 0}, {"size": 2, "colour": "red"}], "more": 1})
    assert faults == [
        "parts.0.size: Input should be greater than or equal to 1, not 0",
        "parts.1.name: this key is missing",
        "parts.1.colour: this key is unknown",
        "more: this key is unknown",
    ]


def test_says_nothing_twice() -> None:
    """A list whose only item is faulty is not called too short as well; an empty one is."""
    assert _faults({"parts": [{}]}) == ["parts.0.name: this key is missing"]
    assert _faults({"parts": []}) == ["parts: Tuple should have at least 1 item after validation, not 0"]


def test_members_of_a_union_leave_no_trace() -> None:
    """Key paths are those of the file, not those of the model."""
    assert _faults({"parts": [{"name": "a", "undo": [1]}]}) == ["parts.0.undo.0: Input should be a valid string, not 1"]


def test_a_thousand_faults_are_cut() -> None:
    """A wrong file altogether gives fifty faults and a number, not a flood."""
    faults = _faults({"parts": [{"name": "a", "size": 0}] * 1000})
    assert len(faults) == 51
    assert "950" in faults[-1]


@given(st.text())
def test_keys_and_values_can_steer_no_terminal(text: str) -> None:
    """Whatever stands in a faulty key or value, faults are printable."""
    for fault in _faults({"parts": [{"name": "a", "size": text + "x"}], f"key{text}": 1}):
        assert fault.isprintable()


@given(st.text(max_size=400))
def test_printable_text_is_bounded_and_plain(text: str) -> None:
    """Foreign text is escaped where it isn't printable, and cut at the limit."""
    shown = printable(text, 100)
    assert shown.isprintable()
    assert len(shown) <= 101
    if text.isprintable() and len(text) <= 100:
        assert shown == text
