"""Several watchers of one change: none of them may break it off."""

from __future__ import annotations

import pytest

from clmdeploy.changes.world import Silent
from clmdeploy.cli.render.watchers import Several


class Broken(Silent):
    """A watcher whose terminal is gone."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_stop_wanted(self, wanted: str) -> None:
        assert wanted
        raise self.error


class Listening(Silent):
    """Hears what comes."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_stop_wanted(self, wanted: str) -> None:
        self.heard.append(wanted)


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(),
        OSError(5, "Input/output error"),
        ValueError("I/O operation on closed file"),
        UnicodeEncodeError("ascii", "…", 0, 1, "ordinal not in range"),
    ],
    ids=["pipe", "terminal", "closed", "encoding"],
)
def test_a_screen_that_is_gone_breaks_no_change_off(error: Exception) -> None:
    """The administrator's line went dead in the middle of the night: the change goes on, and others still hear."""
    listening = Listening()
    Several((Broken(error), listening)).on_stop_wanted("pause")
    assert listening.heard == ["pause"]
