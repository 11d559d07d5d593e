#!/usr/bin/python
"""Hands one request to the guard of this host and gives back its reply."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: clm_guard
short_description: Hand one request to the guard of this host
description:
  - The guard takes the host's lock, compares and raises the fencing token, and runs the act as a transient systemd
    unit with a time limit.
  - The request is one base64 argument, so that nothing in it is ever templated.
options:
  verb:
    description: What the guard does.
    type: str
    choices: [run, ask, probe, fence]
    default: run
  request:
    description: The request, JSON in base64.
    type: str
    required: true
  timeout:
    description: Seconds after which the guard is no longer waited for.
    type: int
    default: 600
author:
  - clmdeploy
"""

EXAMPLES = r"""
- name: Ensure the release is staged
  clm_guard:
    verb: run
    request: "{{ stage_requests[inventory_hostname] }}"

"""

RETURN = r"""
reply:
  description: The guard's reply, JSON in base64.
  type: str
  returned: always
"""

import base64
import os
import subprocess

from ansible.module_utils.basic import AnsibleModule

GUARD = "/usr/local/lib/clmdeploy/guard"


def main():
    module = AnsibleModule(
        argument_spec={
            "verb": {"type": "str", "choices": ["run", "ask", "probe", "fence"], "default": "run"},
            "request": {"type": "str", "required": True, "no_log": True},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, reply="")
    command = [GUARD, module.params["verb"]]
    if os.geteuid() != 0:
        command = ["sudo", "-n", *command]
    try:
        finished = subprocess.run(
            command,
            input=base64.b64decode(module.params["request"], validate=True),
            capture_output=True,
            timeout=module.params["timeout"],
            check=False,
        )
    except FileNotFoundError:
        module.fail_json(msg="the guard is not installed here: run `clmdeploy host setup`")
    except subprocess.TimeoutExpired:
        module.fail_json(msg="the guard gave no reply within the time limit", timed_out=True)
    if finished.returncode != 0 or not finished.stdout:
        complaint = finished.stderr.decode(errors="replace").strip()[-500:]
        module.fail_json(msg="the guard gave no reply: " + complaint)
    module.exit_json(changed=True, reply=base64.b64encode(finished.stdout).decode())


if __name__ == "__main__":
    main()
