"""When a notice is due, and of what kind. Pure."""

from __future__ import annotations

from typing import Literal

from clmdeploy.model.errors import ExitCode
from clmdeploy.notices.notice import Occasion
from clmdeploy.queries.aftermath import Aftermath

When = Literal["unattended", "always", "never"]


def is_watched(when: When, *, attended: bool) -> bool:
    """Whether this run's ending may have to be told. `attended`: somebody sits at a terminal."""
    return when == "always" or (when == "unattended" and not attended)


def occasion_of(aftermath: Aftermath) -> Occasion | None:
    """What kind of notice an ending is worth; None: it is as it was wanted, and told to nobody."""
    if aftermath.exit_code == ExitCode.DONE:
        return None
    if aftermath.state == "paused":
        return "paused"
    if aftermath.change is None:
        return "missed"
    return "unknown" if aftermath.state == "unknown" else "failed"
