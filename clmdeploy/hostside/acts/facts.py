"""What is true on this host now: read only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from . import record, stopped, tokens
from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .health import components_here, fetch, running_version
from .layout import current, is_whole, manifest_of, release_path, releases, staged

HOOK_TIMEOUT = 20  # well below the question's own limit: a database that hangs must not hide the rest


def ask(call: Call) -> Json:
    """`arguments`: root, groups, user, probe (ask services how they are)."""
    root = call.arguments["root"]
    directory = current(root)
    answer = {"record": _own_record(), "current": directory, "staged": staged(root), "stopped": stopped.kept(),
              **tokens.seen(), **_machine(root)}  # fmt: skip
    if directory is not None and not is_whole(root, directory):
        answer["fault"] = f"`current` names {directory}, which is not whole: deploy or roll back to mend it"
    elif directory is not None:
        manifest = manifest_of(root, directory)
        answer["manifest"] = {key: manifest[key] for key in ("name", "version", "schema")}
        if manifest["schema"] and manifest["schema"]["group"] in call.arguments["groups"]:
            answer.update(_schema_answer(root, directory, call.arguments["user"]))
        if call.arguments.get("probe"):
            answer["services"] = _services(root, directory, call.arguments["groups"])
    return answer


def _schema_answer(root: str, directory: str, user: str) -> Json:
    """The version, or why it can't be told: a database that is down must not hide the rest."""
    try:
        return {"schema": schema_version(root, directory, user)}
    except (ActError, ValueError, KeyError) as error:
        return {"schema_fault": f"the release's version hook: {error}"}


def _own_record() -> Json:
    own = record.read()
    return {key: own.get(key) for key in ("environment", "host", "current", "ledger", "drained", "guard")}


def _machine(root: str) -> Json:
    space = os.statvfs(root if os.path.isdir(root) else "/")
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemTotal:"))
    return {
        "disk_free": space.f_bavail * space.f_frsize,
        "inodes_free": space.f_favail if space.f_files else None,
        "memory": memory,
        "os": _os(),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "clock": time.time(),
        "busy": os.path.isdir(releases(root))
        and any(name.startswith(".incoming") for name in os.listdir(releases(root))),
    }


def _os() -> str:
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    return f"{fields.get('ID', 'unknown')}-{fields.get('VERSION_ID', '')}".replace('"', "").rstrip("-")


def schema_version(root: str, directory: str, user: str) -> Json | None:
    """{"version": N, "dirty": bool} by the release's own hook, or None when the release has no schema."""
    manifest = manifest_of(root, directory)
    schema = manifest["schema"]
    if not schema:
        return None
    variables = environment_of(root, manifest["environment_files"], user)
    said = run_hook(schema["version_command"], release_path(root, directory), user, variables, HOOK_TIMEOUT)
    answer = json.loads(said)
    return {"version": int(answer["version"]), "dirty": bool(answer["dirty"])}


def _services(root: str, directory: str, groups: list[str]) -> list[Json]:
    return [_service(component) for component in components_here(root, directory, groups)]


def _service(component: Json) -> Json:
    checks = [fetch(check["http"], 3)[0] == check["status"] for check in component["health"] if check["http"]]
    return {
        "component": component["name"],
        "units": {unit: _unit_state(unit) for unit in component["units"]},
        "version": running_version(component["version_url"]) if component["version_url"] else None,
        "healthy": all(checks),
    }


def _unit_state(unit: str) -> str:
    command = ["systemctl", "is-active", unit]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return finished.stdout.strip() or "unknown"
