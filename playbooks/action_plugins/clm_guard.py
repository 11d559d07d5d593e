"""Hands one request to the guard of each host, in one SSH round trip (library/clm_guard.py is its documentation).

An action plugin and not a module: a module would be packed, sent, unpacked and started in a Python of its own on every
host, only to start the guard from there. And what a module is told, Ansible keeps; the request, with its presigned
addresses, goes from its file to the guard's standard input.
"""

from __future__ import annotations

import base64
import shlex
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

GUARD = "/usr/local/lib/clmdeploy/guard"
OPTIONS = {
    "verb": {"type": "str", "choices": ["run", "ask", "probe", "fence"], "default": "run"},
    "request": {"type": "path", "required": True},
}
_ABSENT = (126, 127)  # exit codes of a shell that finds no such program, or may not run it


class ActionModule(ActionBase):
    """See the module."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The guard's reply, JSON in base64; in check mode nobody is asked."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(OPTIONS)
        if self._task.check_mode:
            return {**result, "changed": False, "reply": ""}
        answer = self._low_level_execute_command(
            self._command(options["verb"]), sudoable=False, in_data=Path(options["request"]).read_bytes()
        )
        if answer["rc"] != 0 or not answer["stdout"]:
            said = answer["stderr"].strip()[-500:]
            return {**result, "failed": True, "msg": _complaint(answer), "code": answer["rc"], "said": said}
        return {**result, "changed": True, "reply": base64.b64encode(answer["stdout"].encode()).decode()}

    def _command(self, verb: str) -> str:
        """Other users than root need exactly one sudo rule, for the guard."""
        as_root = [] if self._get_remote_user() == "root" else ["sudo", "-n"]
        return shlex.join([*as_root, GUARD, verb])


def _complaint(answer: dict[str, Any]) -> str:
    said = answer["stderr"].strip()[-500:]
    if answer["rc"] in _ABSENT or "command not found" in said:
        return "the guard is not installed here: run `clmdeploy host setup`"
    return f"the guard gave no reply (exit code {answer['rc']}): {said}"
