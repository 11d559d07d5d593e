#!/usr/bin/python
"""Writes the host's own record once, and refuses a host that belongs to somebody else."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: clm_identity
short_description: Ensure the host's own record names its environment, inventory name and machine-id
description:
  - A host that is set up already for another environment or under another name is refused, never taken over silently.
options:
  environment_id:
    description: UUID of the environment.
    type: str
    required: true
  host:
    description: Inventory name of this host.
    type: str
    required: true
author:
  - clmdeploy
"""

EXAMPLES = r"""
- name: Ensure this host knows who it is
  clm_identity:
    environment_id: 7d0f7e0e-57a4-4a4b-9f5e-0b1d0c0f6a11
    host: app1
"""

RETURN = r""" # """

import json
import os

from ansible.module_utils.basic import AnsibleModule

PATH = "/var/lib/clmdeploy/host.json"


def read_record():
    try:
        with open(PATH, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def known_of(record):
    """What runs and ran here: a new machine-id changes neither, and without it nothing could be rolled back."""
    fresh = {"format": "host/1", "current": None, "ledger": [], "drained": {}}
    return {key: (record or {}).get(key, value) for key, value in fresh.items()}


def write_record(record):
    beside = PATH + ".new"
    with open(beside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(record, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, PATH)


def main():
    module = AnsibleModule(
        argument_spec={
            "environment_id": {"type": "str", "required": True},
            "host": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    with open("/etc/machine-id", encoding="ascii") as file:
        machine_id = file.read().strip()
    wanted = {"environment": module.params["environment_id"], "host": module.params["host"]}
    record = read_record()
    if record is not None and any(record[key] != value for key, value in wanted.items()):
        module.fail_json(
            msg="this host is set up already as {host} of environment {environment}; "
            "if that is wrong, remove {path} there first".format(path=PATH, **record)
        )
    if record is not None and record["machine_id"] == machine_id:
        module.exit_json(changed=False)
    if not module.check_mode:
        write_record({**known_of(record), **wanted, "machine_id": machine_id})
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
