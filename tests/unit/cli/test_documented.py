"""What docs/json.md and docs/exit-codes.md promise to pipelines is what the program does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk

DOCS = Path(__file__).parents[3] / "docs"


def documented(section: str) -> set[str]:
    """Keys in the table of one section of docs/json.md."""
    page = (DOCS / "json.md").read_text("utf-8")
    (table,) = re.findall(rf"^## `{re.escape(section)}`$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_exit_codes_are_documented() -> None:
    """Numbers and names of docs/exit-codes.md are those of the program, in order."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", (DOCS / "exit-codes.md").read_text("utf-8"), re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [(int(one), one.name.lower()) for one in ExitCode]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("status/1", ("status",)), ("changes/1", ("change", "list")), ("change/1", ("change", "show")),
        ("events/1", ("journal", "show")), ("verification/1", ("journal", "verify")), ("leases/1", ("lease", "show")),
        ("ending/1", ("deploy", "1.1.0", "--yes")), ("ending/1", ("rollback", "--yes")),
        ("planned/1", ("deploy", "1.2.0", "--dry-run")), ("planned/1", ("rollback", "--dry-run")),
    ],
)  # fmt: skip
def test_json_has_the_documented_keys(desk: Desk, section: str, words: Sequence[str]) -> None:
    """No key is missing from the page, none from the output."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    said = desk(*words, "-e", "lab", "--json").json
    assert said.keys() == documented(section)
    assert said["format"] == section


def test_proposals_have_the_documented_keys(desk: Desk) -> None:
    """From the proposal to its end; a change has the same keys before it begins as afterwards."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--propose", "--json").json
    assert said.keys() == documented("proposed/1")
    change = said["change"]
    assert desk("change", "show", change, "-e", "lab", "--json").json.keys() == documented("change/1")
    desk.sit_down("second@lab")
    assert desk("change", "approve", change, "-e", "lab", "--yes", "--json").json.keys() == documented("approved/1")
    assert desk("change", "withdraw", change, "-e", "lab", "--json").json.keys() == documented("withdrawn/1")


def test_a_failure_has_the_documented_keys(desk: Desk) -> None:
    """Also before a change has begun, and when a change failed."""
    assert desk("deploy", "9.9.9", "-e", "lab", "--yes", "--json").json["error"].keys() == documented("error")
    desk.fail("switch", "app2")
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--json").json.keys() == documented("ending/1")


def test_events_end_with_the_documented_keys(desk: Desk) -> None:
    """The last line of `--events` is the ending, with the two keys of every line."""
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--events").lines[-1].keys() == documented("ending/1") | {
        "event",
        "at",
    }
