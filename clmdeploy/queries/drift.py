"""Looks again at everything that a plan was made from, before it is applied."""

from __future__ import annotations

from clmdeploy.changes.plan import Plan
from clmdeploy.model.version import Version
from clmdeploy.planners.drift import (
    fleet_drift,
    input_drift,
    is_fulfilled,
    refuse_drift,
    refuse_other_environment,
    release_version,
)
from clmdeploy.queries.fleet import gather_around
from clmdeploy.queries.wishes import Wishing, release_groups


def refuse_drifted(plan: Plan, wishing: Wishing) -> bool:
    """Whether anything is left to do: False when every host runs the plan's release already.

    Raises InvalidInput naming every difference, or HostUnreachable naming every host that could not be asked.
    """
    environment = wishing.environment
    refuse_other_environment(plan, environment.name, environment.settings.uuid)
    target = wishing.target(Version(release_version(plan)))
    members = tuple(plan.expected.get("hosts", {}))
    fleet = gather_around(wishing.hosts, environment, release_groups(environment, target), members)
    if not plan.steps or is_fulfilled(plan, fleet):
        return False
    inputs = dict(wishing.inputs) | {"release": target.release_sha256}
    refuse_drift(plan, [*input_drift(plan, inputs), *fleet_drift(plan, fleet)], fleet)
    return True
