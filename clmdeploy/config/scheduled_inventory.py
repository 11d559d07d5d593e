"""An environment's files as the scheduled jobs get them on the backup host: the same environment, their keys alone.

Everything that the jobs don't need stays away: group_vars (an operator's own variables, secrets maybe), and every
reference to somebody's secret. Digests of settings and hosts stay what they are elsewhere, so a change that a job began
is gone on with from any control node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from clmdeploy.config.backup import Schedule
from clmdeploy.config.environment import LoadedEnvironment, secret_references
from clmdeploy.config.files import read_text, under
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import UsageError
from clmdeploy.model.hosts import Host

KEY_FILES = {
    "ssh-key": "backup.schedule.keys.ssh_key",
    "signing-key": "backup.schedule.keys.signing_key",
    "s3-access-key": "backup.schedule.keys.access_key",
    "s3-secret-key": "backup.schedule.keys.secret_key",
}
"""name below secrets/ → the setting that refers to it here"""
MAIL_PASSWORD = ("mail-password", "notify.mail.password")
_OWN = {
    "storage.access_key": "s3-access-key", "storage.secret_key": "s3-secret-key", "trust.signing_key": "signing-key",
    MAIL_PASSWORD[1]: MAIL_PASSWORD[0],
}  # fmt: skip
_ELSEWHERE = {"file": "secrets/not-on-this-host"}
_HEADER = "# Written by `clmdeploy schedule install`, which writes it anew: change it where it came from.\n"
_LARGEST = 1024 * 1024
_Tree = dict[str, Any]  # Any: what YAML can hold


def schedule_of(environment: LoadedEnvironment) -> Schedule:
    """The section `backup.schedule`. Raises UsageError where there is none."""
    from clmdeploy.config.backup_hosts import backup_of

    schedule = backup_of(environment).schedule
    if schedule is None:
        path = environment.directory / "clm.yml"
        raise UsageError(
            Bilingual(f"{path}: no section `backup.schedule`", f"{path}: нет раздела `backup.schedule`"),
            Bilingual("docs/schedule.md shows one", "пример есть в docs/schedule.md"),
        )
    return schedule


def key_settings(environment: LoadedEnvironment) -> Mapping[str, str]:
    """File below secrets/ → setting, for everything that the jobs hold."""
    known = secret_references(environment.settings)
    mail = dict([MAIL_PASSWORD]) if MAIL_PASSWORD[1] in known else {}
    return {**KEY_FILES, **mail}


def inventory_files(environment: LoadedEnvironment, home: str) -> Mapping[str, str]:
    """Path below the environment's directory → content; secrets are not among them. `home`: that directory there.

    Raises InvalidInput when a file that belongs to the environment can't be read.
    """
    copied = dict(_copied(environment))
    return {
        "clm.yml": _HEADER + _yaml(_settings(environment)),
        "hosts.yml": _HEADER + _yaml(_hosts(environment.hosts, f"{home}/secrets/ssh-key")),
        **copied,
    }


def _copied(environment: LoadedEnvironment) -> Iterator[tuple[str, str]]:
    for _, name in _file_settings(environment):
        yield _there(name), read_text(under(environment.directory, name), _LARGEST)


def _file_settings(environment: LoadedEnvironment) -> Iterator[tuple[str, str]]:
    """Key path and file, for every file that settings name and that is no secret."""
    settings = environment.settings
    yield "trust.known_hosts", settings.trust.known_hosts
    yield "trust.allowed_signers", settings.trust.allowed_signers
    if settings.storage.ca_file:
        yield "storage.ca_file", settings.storage.ca_file
    if settings.backup and settings.backup.storage.ca_file:
        yield "backup.storage.ca_file", settings.backup.storage.ca_file
    if settings.notify and settings.notify.mail and settings.notify.mail.ca_file:
        yield "notify.mail.ca_file", settings.notify.mail.ca_file
    if settings.notify and settings.notify.command and _is_program(settings.notify.command[0]):
        yield "notify.command", settings.notify.command[0]


def program_file(environment: LoadedEnvironment) -> str | None:
    """The one file of the environment that is run: the program of `notify.command`, where it is a file of its own."""
    return next((_there(name) for key, name in _file_settings(environment) if key == "notify.command"), None)


def _is_program(name: str) -> bool:
    return "/" in name and not name.startswith("/")


def _there(name: str) -> str:
    """A relative path stays what it is, since digests know it; any other file comes to lie in the directory itself."""
    path = PurePath(name)
    return path.name if path.is_absolute() or ".." in path.parts else str(path)


def _settings(environment: LoadedEnvironment) -> _Tree:
    tree: _Tree = environment.settings.model_dump(mode="json", exclude_unset=True)
    for key in secret_references(environment.settings):
        own = _OWN.get(key)
        _put(tree, key, {"file": f"secrets/{own}"} if own else dict(_ELSEWHERE))
    for key, name in _file_settings(environment):
        if key != "notify.command":
            _put(tree, key, _there(name))
    keys = schedule_of(environment).keys
    tree["trust"] |= {"principal": keys.principal if keys else None, "signing_key": {"file": "secrets/signing-key"}}
    tree["backup"]["schedule"].pop("keys", None)
    return tree


def _put(tree: _Tree, key: str, value: object) -> None:
    *above, name = key.split(".")
    for part in above:
        tree = tree[part]
    tree[name] = value


def _hosts(hosts: tuple[Host, ...], key: str) -> _Tree:
    """As plain an inventory as there is: addresses, accounts, groups."""
    groups: dict[str, _Tree] = {}
    told = {
        host.name: {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": host.user}
        for host in hosts
    }
    for host in hosts:
        for group in host.groups or ("ungrouped",):
            groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = None
    return {"all": {"vars": {"ansible_ssh_private_key_file": key}, "hosts": told, "children": groups}}


def _yaml(tree: _Tree) -> str:
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120)
    return text
