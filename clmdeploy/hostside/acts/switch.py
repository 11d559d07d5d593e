"""Lets another release run on this host: stop, rename the link, start, wait for health."""

from __future__ import annotations

from . import record, units
from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .health import await_healthy, components_here
from .layout import current, is_whole, manifest_of, point_current, release_path

HOOK_TIMEOUT = 300


def perform(call: Call) -> Json:
    """`arguments`: root, user, groups, directory, expect (what runs now, or null), ledger (after the switch)."""
    arguments = call.arguments
    root, wanted, standing = arguments["root"], arguments["directory"], current(arguments["root"])
    if standing not in (wanted, arguments["expect"]):
        raise ActError(f"{standing} runs here, but the plan expects {arguments['expect']}: plan again")
    if not is_whole(root, wanted):
        raise ActError(f"{wanted} is not whole on this host: stage it again")
    _let_run(arguments, standing, wanted)
    record.update(current=wanted, ledger=arguments["ledger"])
    await_healthy(root, wanted, arguments)
    return {"current": wanted}


def restore(call: Call) -> Json:
    """Put back the release that ran before, its health included, unless somebody else has switched since."""
    arguments, before = call.arguments, call.before
    root, standing = arguments["root"], current(arguments["root"])
    if standing not in (arguments["directory"], before["current"]):
        raise ActError(f"{standing} runs here: somebody else switched since; nothing was put back")
    _let_run(arguments, standing, before["current"])
    record.update(current=before["current"], ledger=before["ledger"])
    if before["current"] is not None:
        await_healthy(root, before["current"], arguments)
    return {"current": before["current"]}


def probe(call: Call) -> Json:
    """Done when link and record agree on the wanted release; between the two it is partial."""
    wanted, own = call.arguments["directory"], record.read()
    standing = current(call.arguments["root"])
    if standing == wanted and own.get("current") == wanted:
        return {"state": "done"}
    return {"state": "not-done" if standing == own.get("current") else "partial"}


def _let_run(arguments: Json, standing: str | None, wanted: str | None) -> None:
    """Stop what stands, point the link, start what is wanted. A release that is wanted again is restarted."""
    root = arguments["root"]
    old = components_here(root, standing, arguments["groups"]) if standing else []
    new = components_here(root, wanted, arguments["groups"]) if wanted else []
    if standing:
        _hooks("before_stop", arguments, standing, old)
    units.stop(units.unit_names(old))
    # An earlier switch that was cut off may have moved the link without telling systemd.
    settled = record.read().get("current") == standing
    before = units.standing(root, units.unit_names(old)) if settled else {}
    point_current(root, wanted)
    units.link(root, units.unit_names(new), before)
    units.start(units.unit_names(new))
    if wanted:
        _hooks("after_start", arguments, wanted, new)


def _hooks(kind: str, arguments: Json, directory: str, components: list[Json]) -> None:
    root = arguments["root"]
    for component in components:
        if component[kind]:
            user = component["user"] or arguments["user"]
            variables = environment_of(root, manifest_of(root, directory)["environment_files"], user)
            run_hook(component[kind], release_path(root, directory), user, variables, HOOK_TIMEOUT)
