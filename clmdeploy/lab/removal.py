"""Taking a lab down: everything that it put on the machine goes, however far it had come."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clmdeploy.lab import state
from clmdeploy.lab.cgroup import remove_tree
from clmdeploy.lab.machine import LabError, cgroup_root, require_root
from clmdeploy.lab.network import Network
from clmdeploy.lab.power import power_off
from clmdeploy.lab.spec import LabSpec
from clmdeploy.lab.state import LabDirectory
from clmdeploy.lab.sysctl import put_settings_back


def take_down(name: str) -> bool:
    """Remove a lab; returns False when there was none.

    Raises LabError when the lab is coming up in another process, or when something resists; it can be repeated.
    """
    LabSpec(name=name)  # refuses what is no name
    require_root()
    directory = LabDirectory(state.STATE / name)
    existed = directory.record_file.exists()
    if existed:
        with state.locked(directory.path, busy=f"lab {name} is coming up or going down in another process"):
            remove(directory)
    elif state.STATE.exists():
        shutil.rmtree(directory.path, ignore_errors=True)
        _leave_machine()
    return existed


def remove(directory: LabDirectory) -> None:
    """Remove a lab whose lock the caller holds. Raises LabError saying what to type when something resists."""
    record = directory.record()
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(partial(power_off, record), record.spec.hosts))
        Network(record).remove()
        remove_tree(cgroup_root() / record.tag)
        shutil.rmtree(directory.path)
    except (LabError, OSError) as error:
        raise LabError(f"lab {record.spec.name} is not wholly removed: {error}", record.command("down")) from error
    _leave_machine()


def _leave_machine() -> None:
    """The last lab puts the machine's settings back and removes the state directory."""
    with state.locked(state.STATE):
        if not state.standing():
            put_settings_back(state.STATE)
            if not any(state.STATE.iterdir()):
                state.STATE.rmdir()
