"""Which endings are told, and as what."""

from __future__ import annotations

import pytest

from clmdeploy.model.errors import ExitCode
from clmdeploy.notices.occasion import When, is_watched, occasion_of
from clmdeploy.queries.aftermath import Aftermath, State


@pytest.mark.parametrize(
    ("change", "state", "code", "occasion"),
    [
        ("c1", "done", ExitCode.DONE, None),
        (None, "nothing-to-do", ExitCode.DONE, None),
        ("c1", "taken-back", ExitCode.DONE, None),
        ("c1", "taken-back", ExitCode.FAILED_UNCHANGED, "failed"),
        ("c1", "partly", ExitCode.FAILED_PARTLY, "failed"),
        ("c1", "stopped", ExitCode.FAILED_PARTLY, "failed"),
        ("c1", "done", ExitCode.FAILED_PARTLY, "failed"),
        ("c1", "paused", ExitCode.PAUSED, "paused"),
        ("c1", "unknown", ExitCode.UNKNOWN, "unknown"),
        ("c1", "unknown", ExitCode.UNEXPECTED, "unknown"),
        (None, "unknown", ExitCode.UNKNOWN, "missed"),
        (None, "lease-held", ExitCode.LEASE_HELD, "missed"),
        (None, "not-begun", ExitCode.INVALID, "missed"),
        (None, "not-begun", ExitCode.APPROVAL_MISSING, "missed"),
    ],
)
def test_every_ending_but_a_good_one_is_told(
    change: str | None, state: State, code: ExitCode, occasion: str | None
) -> None:
    """Exit code 0 is told to nobody; what never began was missed."""
    assert occasion_of(Aftermath(change=change, state=state, exit_code=code)) == occasion


@pytest.mark.parametrize(
    ("when", "attended", "watched"),
    [
        ("unattended", True, False), ("unattended", False, True), ("always", True, True), ("always", False, True),
        ("never", True, False), ("never", False, False),
    ],
)  # fmt: skip
def test_clm_yml_says_which_runs(when: When, attended: bool, watched: bool) -> None:
    """By default those at which nobody sits."""
    assert is_watched(when, attended=attended) is watched
