"""The inventories directory of a lab: the environment `lab`, as an administrator would have written it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from clmdeploy.lab.authority import PRINCIPAL, public_key
from clmdeploy.lab.facts import (
    BACKUP_BUCKET,
    BALANCER_SOCKET,
    DATABASE,
    DEPLOY_USER,
    INSTALL_ROOT,
    RELEASE_BUCKET,
    S3_REGION,
    STATE_BUCKET,
    WEB_BACKEND,
    LabFacts,
)

ENVIRONMENT = "lab"
_HEADER = "# Written by `clmdeploy lab up`; it goes with the lab.\n"
_Tree = dict[str, Any]  # Any: what YAML can hold


def write_inventories(inventories: Path, facts: LabFacts) -> None:
    """Make `inventories`/lab with everything that the environment needs. Secrets are files below secrets/ (0700)."""
    home = inventories / ENVIRONMENT
    secrets = home / "secrets"
    home.mkdir(parents=True)
    secrets.mkdir(mode=0o700)
    _write_yaml(home / "hosts.yml", hosts(facts))
    _write_yaml(home / "clm.yml", settings(facts))
    shutil.copy(facts.authority.known_hosts, home / "known_hosts")
    shutil.copy(facts.authority.certificate, home / "ca.pem")
    (home / "allowed_signers").write_text(facts.authority.allowed_signers())
    for name, content in _secrets(facts).items():
        (secrets / name).touch(mode=0o600)
        (secrets / name).write_text(content)
    (secrets / "signing-key.pub").write_text(public_key(facts.authority.signing_key) + f" {PRINCIPAL}\n")


def hosts(facts: LabFacts) -> _Tree:
    """hosts.yml: a plain Ansible inventory, a group for each kind of host that the lab has."""
    spec = facts.record.spec
    groups: dict[str, _Tree] = {}
    for host in spec.hosts:
        group = groups.setdefault(host.group, {"hosts": {}})
        group["hosts"][host.name] = {"ansible_host": facts.record.address(host)}
    connection = {
        "ansible_user": DEPLOY_USER,
        "ansible_ssh_private_key_file": str(facts.authority.ssh_key),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return {"all": {"vars": connection, "children": groups}}


def settings(facts: LabFacts) -> _Tree:
    """clm.yml. Parts that the lab has no host for are left out."""
    spec = facts.record.spec
    tree: _Tree = {
        "format": "environment/1",
        "name": ENVIRONMENT,
        "uuid": facts.record.uuid,
        "application": "clm",
        "time_zone": "Europe/Moscow",
        "install": {"root": INSTALL_ROOT, "user": "clm", "keep_releases": 5},
    }
    if spec.store:
        tree["storage"] = _storage(facts)
    tree["trust"] = {
        "known_hosts": "known_hosts",
        "allowed_signers": "allowed_signers",
        "principal": PRINCIPAL,
        "signing_key": {"file": "secrets/signing-key"},
    }
    if spec.balancer:
        tree["balancer"] = {
            "group": "lb", "socket": BALANCER_SOCKET, "backends": {"app": WEB_BACKEND}, "drain_limit": 30,
        }  # fmt: skip
    if spec.backup and spec.store and spec.databases:
        tree["backup"] = _backup()
    tree["rollout"] = {"canary": 1, "batch": 1, "soak": 3, "hotfix_soak": 1}
    return tree


def _storage(facts: LabFacts) -> _Tree:
    return {
        "endpoint": facts.s3_endpoint,
        "region": S3_REGION,
        "ca_file": "ca.pem",
        "addressing": "path",
        "state_bucket": STATE_BUCKET,
        "release_bucket": RELEASE_BUCKET,
        "access_key": {"file": "secrets/s3-access-key"},
        "secret_key": {"file": "secrets/s3-secret-key"},
    }


def _backup() -> _Tree:
    return {
        "group": "backup",
        "storage": {
            "bucket": BACKUP_BUCKET,
            "keys": _keys("backup"),
            "archive": _keys("archive"),
            "files": _keys("files"),
        },
        "database": {
            "group": "db", "name": DATABASE, "stanza": "clm", "passphrase": {"file": "secrets/database-passphrase"},
        },
        "files": {"passphrase": {"file": "secrets/files-passphrase"}, "paths": {"db": ["/etc/postgresql"]}},
    }  # fmt: skip


def _keys(name: str) -> _Tree:
    return {"access_key": {"file": f"secrets/{name}-access-key"}, "secret_key": {"file": f"secrets/{name}-secret-key"}}


def _secrets(facts: LabFacts) -> dict[str, str]:
    keys = facts.credentials
    return {
        "s3-access-key": keys.operator_access_key + "\n",
        "s3-secret-key": keys.operator_secret_key + "\n",
        "signing-key": facts.authority.signing_key.read_text(),
        "backup-access-key": keys.backup_access_key + "\n",
        "backup-secret-key": keys.backup_secret_key + "\n",
        "archive-access-key": keys.archive_access_key + "\n",
        "archive-secret-key": keys.archive_secret_key + "\n",
        "files-access-key": keys.files_access_key + "\n",
        "files-secret-key": keys.files_secret_key + "\n",
        "database-passphrase": keys.database_passphrase + "\n",
        "files-passphrase": keys.files_passphrase + "\n",
    }


def _write_yaml(file: Path, tree: _Tree) -> None:
    file.write_text(_HEADER + yaml.safe_dump(tree, sort_keys=False))
