"""Lets another release run on this host: stop, rename the link, start, wait for health."""

from __future__ import annotations

import os
from collections.abc import Callable

from . import record, stopped, units
from .call import ActError, Call, Json
from .commands import end_of, environment_of, read_variables, run_hook
from .health import await_healthy, components_here
from .layout import current, is_whole, manifest_of, point_current, release_path

HOOK_TIMEOUT = 300
Hook = Callable[[str, Json, str, Json], None]


def perform(call: Call) -> Json:
    """`arguments`: root, user, groups, directory, expect (what runs now, or null), ledger (after the switch)."""
    arguments = call.arguments
    root, wanted, standing = arguments["root"], arguments["directory"], current(arguments["root"])
    if standing not in (wanted, arguments["expect"]):
        raise ActError(f"{standing} runs here, but the plan expects {arguments['expect']}: plan again")
    if not is_whole(root, wanted):
        raise ActError(f"{wanted} is not whole on this host: stage it again")
    units.refuse_foreign(root, units.unit_names(components_here(root, wanted, arguments["groups"])))
    _let_run(arguments, standing, wanted, run_component_hook)
    record.update(current=wanted, ledger=arguments["ledger"])
    await_healthy(root, wanted, arguments)
    return {"current": wanted}


def restore(call: Call) -> Json:
    """Put back the release that ran before, its health included, unless somebody else has switched since.

    A hook that fails here is told, and blocks nothing: the drain hook of a release that has crashed can't succeed.
    """
    arguments, before = call.arguments, call.before
    root, standing = arguments["root"], current(arguments["root"])
    if standing not in (arguments["directory"], before["current"]):
        raise ActError(f"{standing} runs here: somebody else switched since; nothing was put back")
    complaints: list[str] = []

    def forgiving(kind: str, arguments: Json, directory: str, component: Json) -> None:
        try:
            run_component_hook(kind, arguments, directory, component)
        except ActError as error:
            complaints.append(f"{kind}: {error}")

    _let_run(arguments, standing, before["current"], forgiving)
    record.update(current=before["current"], ledger=before["ledger"])
    if before["current"] is not None:
        await_healthy(root, before["current"], arguments)
    return {"current": before["current"], "complaints": complaints}


def probe(call: Call) -> Json:
    """Done when link and record agree on the wanted release; between the two it is partial."""
    wanted, own = call.arguments["directory"], record.read()
    standing = current(call.arguments["root"])
    if standing == wanted and own.get("current") == wanted:
        return {"state": "done"}
    return {"state": "not-done" if standing == own.get("current") else "partial"}


def _let_run(arguments: Json, standing: str | None, wanted: str | None, hook: Hook) -> None:
    """Stop what stands, point the link, start what is wanted. A release that is wanted again is restarted.

    What is kept stopped on purpose stays so.
    """
    root = arguments["root"]
    old = components_here(root, standing, arguments["groups"]) if standing and is_whole(root, standing) else []
    new = components_here(root, wanted, arguments["groups"]) if wanted else []
    for component in stopped.awake(old):
        hook("before_stop", arguments, standing or "", component)
    units.stop(root, units.unit_names(old))
    # An earlier switch that was cut off may have moved the link without telling systemd.
    settled = record.read().get("current") == standing
    before = units.standing(root, units.unit_names(old)) if settled else {}
    point_current(root, wanted)
    units.link(root, units.unit_names(new), before)
    stopped.cover(old, new)
    awake = stopped.awake(new)
    units.start(units.unit_names(awake), lambda said: told(root, (standing, wanted), said))
    for component in awake:
        hook("after_start", arguments, wanted or "", component)


def told(root: str, directories: tuple[str | None, ...], said: str) -> str:
    """What units of these releases said, for a message. Where it is not known what is secret there, nothing of it."""
    manifests = [manifest_of(root, name) for name in directories if name and is_whole(root, name)]
    files = {os.path.join(root, file) for manifest in manifests for file in manifest["environment_files"]}
    try:
        return end_of(said, [value for file in files for value in read_variables(file).values()])
    except (ActError, OSError, ValueError) as error:
        return f"what it said is withheld, since its secrets could not be told apart: {error}"


def run_component_hook(kind: str, arguments: Json, directory: str, component: Json) -> None:
    """`before_stop` or `after_start`, where the component has one. Raises ActError."""
    if component[kind]:
        root, user = arguments["root"], component["user"] or arguments["user"]
        variables = environment_of(root, manifest_of(root, directory)["environment_files"], user)
        run_hook(component[kind], release_path(root, directory), user, variables, HOOK_TIMEOUT)
