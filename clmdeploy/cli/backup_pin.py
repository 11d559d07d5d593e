"""`clmdeploy backup pin` and `unpin`: what retention must not take away."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.backup_show import point_argument
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import reason_text

if TYPE_CHECKING:
    from clmdeploy.backups.standing import PinMode, State


@click.command(short_help="Keep a restore point until it is unpinned.")
@point_argument
@environment_option
@click.option("--reason", type=reason_text, required=True, metavar="TEXT", help="Why: told by every later expire.")
@click.option(
    "--standalone", is_flag=True, help="Keep only the log that it needs itself: no moment after it can be reached."
)
@json_option
@pass_invocation
def pin(invocation: Invocation, wanted: str, environment: str, reason: str, standalone: bool) -> None:
    """Pin a restore point: no rule of retention removes it, nor what it stands on.

    All log since is kept with it, so that any later moment can be reached from it; that grows for as long as it is
    pinned. With --standalone it does not.
    """
    _stand(invocation, wanted, environment, "pinned", reason, "standalone" if standalone else "pitr")


@click.command(short_help="Leave a restore point to the rules of retention again.")
@point_argument
@environment_option
@click.option("--reason", type=reason_text, metavar="TEXT", help="Why.")
@json_option
@pass_invocation
def unpin(invocation: Invocation, wanted: str, environment: str, reason: str | None) -> None:
    """Take a restore point's pin away. The next `backup expire` may remove it."""
    _stand(invocation, wanted, environment, "free", reason or "", None)


def _stand(
    invocation: Invocation, wanted: str, environment: str, state: State, reason: str, mode: PinMode | None
) -> None:
    from clmdeploy.backups.standing import Author, Standing
    from clmdeploy.cli.render.point import tell_standing
    from clmdeploy.queries.points import point_named
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        entry = point_named(runtime.points, runtime.marks, wanted)[0].entry
        if state == "free" and not entry.is_pinned:
            tell_standing(invocation, entry, changed=False)
            return
        author = Author(by=runtime.who.principal, reason=reason, at=runtime.clock.now(), nonce=secrets.token_hex(8))
        standing = runtime.points.stand(Standing.of(entry.point, state, author, mode))
        tell_standing(invocation, entry.model_copy(update={"standing": standing}), changed=True)
