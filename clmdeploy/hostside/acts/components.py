"""Stops components of the running release, so that nobody starts them, and starts them again."""

from __future__ import annotations

from . import stopped, units
from .call import ActError, Call, Json
from .health import await_healthy, components_here
from .layout import current, is_whole, manifest_of
from .switch import Hook, run_component_hook, told


def perform(call: Call) -> Json:
    """`arguments`: root, user, groups, which ("all", "senders", or "others" than these), state ("stopped", "running"),
    change; and where a cross-check must have gone well first: check (its step's ID), whose result is in `results`.
    """
    if call.arguments["state"] == "stopped":
        return _stop(call.arguments)
    _refuse_doubtful(call.arguments)
    return _start(call.arguments, _chosen(call.arguments))


def restore(call: Call) -> Json:
    """What ran before runs again, what was kept stopped before is kept so."""
    arguments, before = call.arguments, call.before
    if arguments["state"] == "running":
        return _stop(arguments)
    free = [one for one in _chosen(arguments) if one["name"] not in before["kept"]]
    stopped.let(free)
    return _start(arguments, [one for one in free if one["name"] in before["running"]])


def probe(call: Call) -> Json:
    """Stopped: no unit is active, and none can be started."""
    chosen, asleep = _chosen(call.arguments), stopped.kept()
    names = units.unit_names(chosen)
    active = [name for name in names if units.is_active(name)]
    kept = [one["name"] for one in chosen if one["name"] in asleep]
    if call.arguments["state"] == "running":
        return {"state": "done" if len(active) == len(names) and not kept else "not-done"}
    if not active and len(kept) == len(chosen):
        return {"state": "done"}
    return {"state": "partial" if kept else "not-done"}


def _stop(arguments: Json) -> Json:
    """A hook that fails is told, and blocks nothing: the database that it asks may be what is to be restored."""
    root, complaints = arguments["root"], []
    components = _chosen(arguments)
    for component in components:
        complaints += _forgiven(run_component_hook, "before_stop", arguments, current(root) or "", component)
    stopped.keep(components, arguments["change"])
    units.halt(units.unit_names(components))
    return {"stopped": [one["name"] for one in components], "complaints": complaints}


def _start(arguments: Json, components: list[Json]) -> Json:
    root, directory = arguments["root"], current(arguments["root"])
    stopped.let(components)
    units.start(units.unit_names(components), lambda said: told(root, (directory,), said))
    for component in components:
        run_component_hook("after_start", arguments, directory or "", component)
    if directory and components:
        await_healthy(root, directory, arguments)
    return {"started": [one["name"] for one in components]}


def _chosen(arguments: Json) -> list[Json]:
    """The components of what runs here now; none where nothing is installed."""
    root = arguments["root"]
    directory = current(root)
    if directory is None or not is_whole(root, directory):
        return []
    here, which = components_here(root, directory, arguments["groups"]), arguments["which"]
    senders = _senders(manifest_of(root, directory)["components"])
    return [one for one in here if which == "all" or (one["name"] in senders) == (which == "senders")]


def _senders(components: list[Json]) -> list[str]:
    """As the manifest's own `senders` does: where nobody is marked, the workers are meant."""
    marked = [one["name"] for one in components if one.get("sends")]
    return marked or [one["name"] for one in components if one["group"] == "worker"]


def _forgiven(hook: Hook, kind: str, arguments: Json, directory: str, component: Json) -> list[str]:
    try:
        hook(kind, arguments, directory, component)
    except ActError as error:
        return [f"{kind}: {error}"[:300]]
    return []


def _refuse_doubtful(arguments: Json) -> None:
    """Whoever sends messages is not started upon rows and files that contradict each other."""
    if "check" not in arguments:
        return
    answers = list((arguments.get("results") or {}).get(arguments["check"], {}).values())
    if not answers or any(answer.get("problems") for answer in answers):
        raise ActError(
            "rows and files do not agree, or were not compared: look at that first, then start them by "
            "`clmdeploy restore --start-workers`"
        )
