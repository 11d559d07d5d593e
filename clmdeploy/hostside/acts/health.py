"""Health: the manifest's questions, asked on the host itself until they are answered well or time is up."""

from __future__ import annotations

import json
import time

from . import stopped
from .call import ActError, Call, Json
from .commands import environment_of, run_hook
from .layout import current, manifest_of, release_path

INTERVAL = 0.25


def ask(call: Call) -> Json:
    """Wait until every component of this host answers well; the first lasting failure is named."""
    root = call.arguments["root"]
    directory = current(root)
    if directory is None:
        raise ActError("no release is installed here")
    await_healthy(root, directory, call.arguments)
    return {"healthy": True, "current": directory}


def components_here(root: str, directory: str, groups: list[str]) -> list[Json]:
    """Those components of a staged release that belong on this host."""
    return [one for one in manifest_of(root, directory)["components"] if one["group"] in groups]


def await_healthy(root: str, directory: str, arguments: Json) -> None:
    """Ask until all is well or each check's time is over. `arguments`: groups, user, patience (seconds or null).

    What is kept stopped on purpose is not asked.
    """
    manifest = manifest_of(root, directory)
    for component in stopped.awake(components_here(root, directory, arguments["groups"])):
        for check in component["health"]:
            deadline = time.monotonic() + (arguments.get("patience") or check["timeout"])
            _await(
                lambda check=check, component=component: _once(root, directory, manifest, component, check, arguments),
                deadline,
                component["name"],
            )
        if component["version_url"]:
            deadline = time.monotonic() + (arguments.get("patience") or 30)
            _await(
                lambda component=component: _version(component["version_url"], manifest["version"]),
                deadline,
                component["name"],
            )


def _await(check, deadline: float, name: str) -> None:  # type: ignore[no-untyped-def]  # a closure without arguments
    while True:
        fault = check()
        if fault is None:
            return
        if time.monotonic() >= deadline:
            raise ActError(f"component {name} is not healthy: {fault}")
        time.sleep(INTERVAL)


def _once(root: str, directory: str, manifest: Json, component: Json, check: Json, arguments: Json) -> str | None:
    """None when well, else what is wrong."""
    if check["http"]:
        status, body = fetch(check["http"], check["timeout"])
        return (
            None if status == check["status"] else f"{check['http']}: expected {check['status']}, got {status or body}"
        )
    user = component["user"] or arguments["user"]
    try:
        variables = environment_of(root, manifest["environment_files"], user)
        run_hook(check["command"], release_path(root, directory), user, variables, check["timeout"])
    except ActError as error:
        return str(error)
    return None


def _version(url: str, expected: str) -> str | None:
    answered = running_version(url)
    return None if answered == expected else f"{url}: version {answered} runs, not {expected}"


def running_version(url: str) -> str | None:
    """The version that the service itself reports, or None."""
    status, body = fetch(url, 5)
    try:
        return str(json.loads(body)["version"]) if status == 200 else None
    except (ValueError, KeyError, TypeError):
        return None


def fetch(url: str, timeout: float) -> tuple[int | None, str]:
    """Status and body (at most 64 KiB) of http://HOST[:PORT][/PATH]; status None with the reason when nobody answered.

    A redirect is an answer like any other: what it leads to is not this host's health.
    """
    import http.client  # slow to import: only when something is asked over HTTP

    address, _, path = url[len("http://") :].partition("#")[0].partition("/")
    connection = http.client.HTTPConnection(address, timeout=min(timeout, 5))
    try:
        connection.request("GET", "/" + path, headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(65536).decode(errors="replace")
    except (OSError, OverflowError, http.client.HTTPException) as error:  # OverflowError: no such port
        return None, str(error) or type(error).__name__
    finally:
        connection.close()
