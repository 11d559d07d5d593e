"""What is asked of a host by SSH: one script, run by the host's own Python, that knows nothing of clmdeploy's code."""

from __future__ import annotations

import json
from typing import Any

from clmdeploy.lab.host import LabHost

WATCH = "flt-watch.service"
_DANGLED = "/run/flt-dangled"

_LOOK = r"""
import glob, hashlib, json, os, subprocess

ROOT, MARK = "/opt/clm", ".clm-release.json"
BESIDE = (MARK, MARK + ".sig")  # written by the tool, with the release and about it

def fault_of(path):
    try:
        release = json.load(open(os.path.join(path, MARK)))
    except OSError as error:
        return "no %s: %s" % (MARK, error.strerror)
    promised = {one["path"]: one["sha256"] for one in release["files"]}
    found = {}
    for home, _, names in os.walk(path):
        for name in names:
            file = os.path.join(home, name)
            relative = os.path.relpath(file, path)
            if relative not in BESIDE and not os.path.islink(file):
                found[relative] = hashlib.sha256(open(file, "rb").read()).hexdigest()
    wrong = sorted(name for name in promised.keys() | found.keys() if promised.get(name) != found.get(name))
    return "not as in %s: %s" % (MARK, ", ".join(wrong)) if wrong else ""

def running():
    text = subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "clm-*.service"],
                          capture_output=True, text=True).stdout
    return {line.split()[0]: line.split()[2:4] for line in text.splitlines() if line.strip()}

def read(path):
    try:
        return open(path).read()
    except OSError:
        return ""

link = os.path.join(ROOT, "current")
releases = os.path.join(ROOT, "releases")
entries = sorted(os.listdir(releases)) if os.path.isdir(releases) else []
record = read("/var/lib/clmdeploy/host.json")
print(json.dumps({
    "current": os.path.basename(os.readlink(link)) if os.path.islink(link) else None,
    "releases": {name: fault_of(os.path.join(releases, name)) for name in entries},
    "record": json.loads(record) if record else None,
    "units": running(),
    "links": {path: os.readlink(path) for path in glob.glob("/etc/systemd/system/**/clm-*", recursive=True)
              if os.path.islink(path)},
    "acts": sorted(os.path.basename(place) for place in glob.glob("/run/clmdeploy/*/clm-*")
                   + glob.glob("/run/clmdeploy/ask-*")),
    "dangled": read("/run/flt-dangled").splitlines(),
}))
"""

_WATCH = r"""
import os, time
while True:
    if not os.path.exists("/opt/clm/current/.clm-release.json"):
        there = "dangles" if os.path.islink("/opt/clm/current") else "is missing"
        with open("/run/flt-dangled", "a") as file:
            file.write("%s %s\n" % (time.strftime("%H:%M:%S"), there))
    time.sleep(0.03)
"""

_BEGIN_WATCH = r"""
set -eu
systemctl stop "$0" 2>/dev/null || true
rm -f "$1"
exec systemd-run --quiet --unit="$0" --collect python3 -c "$2"
"""

_AWAIT_ACT = r"""
import glob, sys, time
print("watching", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    if glob.glob("/run/clmdeploy/*/clm-*"):
        print("begun", flush=True)
        sys.exit(0)
    time.sleep(0.005)
"""


def look(host: LabHost) -> dict[str, Any]:
    """Everything about the host that invariants and comparisons are made from."""
    seen: dict[str, Any] = json.loads(host.run(("python3", "-c", _LOOK)).stdout)
    return seen


def watch_link(host: LabHost) -> None:
    """Look from now on, thirty times a second, whether `current` is there and names a whole release."""
    host.run(("sh", "-c", _BEGIN_WATCH, WATCH, _DANGLED, _WATCH))


def stop_watching(host: LabHost) -> None:
    """Before the link is moved by the tests themselves."""
    host.run(("systemctl", "stop", WATCH), check=False)


def awaiting_act() -> tuple[str, ...]:
    """Argument vector that says "watching", and "begun" as soon as an act of the guard runs on the host."""
    return ("python3", "-c", _AWAIT_ACT)
