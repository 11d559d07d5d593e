"""Versions: Semantic Versioning 2.0.0, with a total order."""

from __future__ import annotations

import contextlib
import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clmdeploy.model.value import Value
from clmdeploy.model.version import Version

NUMBERS = st.integers(0, 999_999_999).map(str)
IDENTIFIERS = NUMBERS | st.from_regex(r"[0-9]{0,3}[a-zA-Z-][0-9a-zA-Z-]{0,5}", fullmatch=True)
PRERELEASES = st.lists(IDENTIFIERS, min_size=1, max_size=4).map(".".join)


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    core = ".".join(draw(st.lists(NUMBERS, min_size=3, max_size=3)))
    text = f"{core}-{draw(PRERELEASES)}" if draw(st.booleans()) else core
    return text if len(text) <= 64 else core


VERSIONS = version_texts().map(Version)


class Holder(Value):
    version: Version


def _precedence(one: str, two: str) -> int:
    """Section 11 of the standard, written down a second time and as plainly as it reads there."""
    core_one, _, pre_one = one.partition("-")
    core_two, _, pre_two = two.partition("-")
    for left, right in zip(core_one.split("."), core_two.split("."), strict=True):
        if int(left) != int(right):
            return -1 if int(left) < int(right) else 1
    if not pre_one or not pre_two:
        return bool(pre_two) - bool(pre_one) if pre_one != pre_two else 0
    for left, right in zip(pre_one.split("."), pre_two.split("."), strict=False):
        if left == right:
            continue
        if left.isdigit() and right.isdigit():
            return -1 if int(left) < int(right) else 1
        if left.isdigit() != right.isdigit():
            return -1 if left.isdigit() else 1
        return -1 if left < right else 1
    return (len(pre_one.split(".")) > len(pre_two.split("."))) - (len(pre_one.split(".")) < len(pre_two.split(".")))


@pytest.mark.parametrize(
    "rising",
    [
        ["1.0.0", "2.0.0", "2.1.0", "2.1.1"],
        ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
         "1.0.0-rc.1", "1.0.0"],
        ["1.9.0", "1.10.0", "1.11.0"],
    ],
)  # fmt: skip
def test_orders_as_the_standard_says(rising: list[str]) -> None:
    """The examples of section 11 stand in rising order."""
    assert [str(version) for version in sorted(map(Version, reversed(rising)))] == rising
    assert all(Version(low) < Version(high) for low, high in itertools.combinations(rising, 2))


@given(version_texts(), version_texts())
def test_agrees_with_the_standard_for_any_two(one: str, two: str) -> None:
    """Comparing two versions gives what section 11 gives, in each direction."""
    expected = _precedence(one, two)
    assert (Version(one) < Version(two), Version(one) == Version(two), Version(one) > Version(two)) == (
        expected < 0,
        expected == 0,
        expected > 0,
    )


@given(st.lists(VERSIONS, min_size=3, max_size=3))
def test_order_is_total(versions: list[Version]) -> None:
    """Exactly one of <, ==, > holds; order is transitive; equal versions have equal hashes."""
    one, two, three = versions
    assert [one < two, one == two, one > two].count(True) == 1
    assert (one <= two, one >= two) == (not one > two, not one < two)
    if one <= two <= three:
        assert one <= three
    assert one != two or hash(one) == hash(two)


@given(st.lists(version_texts(), unique=True, max_size=8))
def test_sorting_depends_on_nothing_but_the_order(texts: list[str]) -> None:
    """Sorting by comparison and sorting by the standard's rule agree, whatever the input's order."""
    by_rule = sorted(texts, key=functools.cmp_to_key(_precedence))
    assert [version.text for version in sorted(map(Version, texts))] == by_rule


@given(version_texts())
def test_round_trips(text: str) -> None:
    """A version is its text, in str, in JSON and back."""
    version = Version(text)
    assert str(version) == text
    assert Holder.model_validate_json(Holder(version=version).model_dump_json()).version == version
    assert version.is_prerelease == ("-" in text)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+build",
     "v1.2.3", " 1.2.3", "1.2.3\n", "1.2.-3", "١.٢.٣", "1.2.3-ä", "1.2.3-a/../b", "{{ version }}",
     "9999999999.0.0", "1.0.0-" + "a" * 60],
)  # fmt: skip
def test_refuses_what_is_no_version(text: str) -> None:
    """Leading zeros, build metadata, blanks, other digits, path separators and over-long texts are refused."""
    with pytest.raises(ValueError, match="not a version"):
        Version(text)


@given(st.text())
def test_any_text_is_a_version_or_refused(text: str) -> None:
    """No text makes anything but a version whose text it is, or a ValueError."""
    with contextlib.suppress(ValueError):
        assert Version(text).text == text


@pytest.mark.parametrize("value", [1, 1.10, True, None, ["1.2.3"], {"version": "1.2.3"}, b"1.2.3"])
def test_is_never_guessed_from_another_type(value: object) -> None:
    """1.10 as a number has lost its zero: only text is taken."""
    with pytest.raises(ValidationError, match="text in quotes"):
        Holder(version=value)


def test_has_no_order_with_other_types() -> None:
    """Comparing a version with a text is a mistake, not an answer."""
    assert Version("1.2.3") != "1.2.3"
    with pytest.raises(TypeError):
        assert Version("1.2.3") < "1.2.4"
