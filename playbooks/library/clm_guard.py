"""Documentation only: the work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: clm_guard
short_description: Hand one request to the guard of this host
description:
  - The guard takes the host's lock, compares and raises the fencing token, and runs the act as a transient systemd
    unit with a time limit.
  - The request goes from a file on the control node to the guard's standard input; it is in no variable, argument list,
    result or log.
options:
  verb:
    description: What the guard does.
    type: str
    choices: [run, ask, probe, fence]
    default: run
  request:
    description: File on the control node with the request, JSON.
    type: path
    required: true
author:
  - clmdeploy
"""

EXAMPLES = r"""
- name: Ensure the release is staged
  clm_guard:
    verb: run
    request: "{{ stage_requests }}/{{ inventory_hostname }}"

"""

RETURN = r"""
reply:
  description: The guard's reply, JSON in base64.
  type: str
  returned: when the guard replied
code:
  description: Exit code of the guard, or of what should have started it.
  type: int
  returned: when the guard did not reply
said:
  description: The end of what it said instead.
  type: str
  returned: when the guard did not reply
"""
