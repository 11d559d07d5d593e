"""The `approvals` of clm.yml: how many eyes a deploy needs."""

from __future__ import annotations

from clmdeploy.config.fields import count, seconds
from clmdeploy.model.value import Value

LEAST_VALID = 60  # seconds; less than a person needs to type the next command


class Approvals(Value):
    """How many other people must approve a deploy before it may act, and how long an approval holds.

    Going back is never held up: rollback, resume and abort need none.
    """

    required: int = count(
        0,
        "Approvals by other principals that a deploy, a hotfix too, needs before it may act; 0: none. Rollback, resume "
        "and abort never need any.",
        most=10,
    )
    valid: int = seconds(
        86400, "Longest time that an approval holds, in seconds, by the clock of who applies.", least=LEAST_VALID,
        most=31 * 86400,
    )  # fmt: skip
