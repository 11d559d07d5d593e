"""Canonical JSON: one value, one spelling, one digest."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clmdeploy.model.value import Value, canonical_json, digest_of, sha256_hex

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


class Point(Value):
    x: int
    label: str = ""


@given(JSON)
def test_reads_back_as_the_same_value(value: object) -> None:
    """Canonical JSON is JSON, and spelling it again gives the same bytes."""
    spelled = canonical_json(value)
    assert json.loads(spelled) == value
    assert canonical_json(json.loads(spelled)) == spelled


@given(st.dictionaries(TEXT, JSON, max_size=6), st.randoms())
def test_does_not_depend_on_the_order_of_keys(value: dict[str, object], random: st.random.Random) -> None:
    """The same mapping in another order has the same spelling and digest."""
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)
    assert digest_of(dict(items)) == digest_of(value)


@given(JSON, JSON)
def test_different_values_have_different_spellings(one: object, two: object) -> None:
    """Equal bytes mean equal JSON: a digest names one value."""
    if canonical_json(one) == canonical_json(two):
        assert json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


def test_is_compact_sorted_utf8() -> None:
    """Sorted keys, no spaces, letters as themselves: anybody can spell it again by hand."""
    assert canonical_json({"б": [1, None], "a": "ё\n"}) == '{"a":"ё\\n","б":[1,null]}'.encode()


def test_a_model_is_spelled_by_its_fields() -> None:
    """A model and its fields as a mapping have the same digest."""
    assert canonical_json(Point(x=1)) == b'{"label":"","x":1}'
    assert digest_of(Point(x=1)) == digest_of({"x": 1, "label": ""}) == sha256_hex(b'{"label":"","x":1}')


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_refuses_numbers_that_json_has_not(number: float) -> None:
    """NaN and infinities have no JSON spelling."""
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"x": number})


def test_values_are_closed_and_frozen() -> None:
    """Unknown keys are refused and nothing can be changed afterwards."""
    with pytest.raises(ValidationError, match="y"):
        Point.model_validate({"x": 1, "y": 2})
    with pytest.raises(ValidationError, match="frozen"):
        Point(x=1).x = 2  # type: ignore[misc]
