"""Finds the inventories, and loads one environment with all its faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from clmdeploy.config.checks import host_faults, pinned_keys, settings_faults, signer_faults
from clmdeploy.config.environment import LoadedEnvironment, secret_references
from clmdeploy.config.faults import Fault, KeyPath, nearest, told_once
from clmdeploy.config.inventory import read_hosts
from clmdeploy.config.known_hosts import keys_of
from clmdeploy.config.schema import faults_of
from clmdeploy.config.secrets import resolve
from clmdeploy.config.settings import Environment
from clmdeploy.config.yaml_source import Document, YamlValue, read
from clmdeploy.model.errors import InvalidInput

VARIABLE = "CLM_INVENTORIES"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Examination:
    """What reading an environment gave: all its faults, and the environment itself when there is none."""

    environment: LoadedEnvironment | None
    faults: tuple[Fault, ...]


def find_inventories(option: Path | None, environ: Mapping[str, str]) -> Path:
    """The directory of the environments: `--inventories`, else $CLM_INVENTORIES, else ./inventories.

    Raises InvalidInput when there is no such directory.
    """
    path = option or Path(environ.get(VARIABLE) or "inventories")
    if not path.is_dir():
        hint = f"give --inventories DIR or set {VARIABLE}; `clmdeploy init NAME` lays out a first environment"
        raise InvalidInput(f"{path}: no such directory of inventories", hint)
    return path


def environments(inventories: Path) -> list[str]:
    """Names of the environments below `inventories`: directories with a clm.yml, sorted."""
    found = (path.parent.name for path in inventories.glob("*/clm.yml"))
    return sorted(name for name in found if _NAME.fullmatch(name))


def locate(inventories: Path, name: str) -> Path:
    """The directory of the environment `name`. Raises InvalidInput, naming those that exist, when there is none."""
    existing = environments(inventories)
    if name not in existing:  # so no name can lead out of `inventories`
        among = f"it has: {', '.join(existing)}" if existing else "it has none yet: `clmdeploy init NAME` makes one"
        raise InvalidInput(f"{inventories}: no environment {name[:80]!r}{nearest(name, existing)}", among)
    return inventories / name


def load(inventories: Path, name: str) -> LoadedEnvironment:
    """The environment `name`, checked. Raises InvalidInput with every fault of every file."""
    directory = locate(inventories, name)
    examination = examine(directory)
    if examination.environment is None:
        lines = "\n".join(str(fault) for fault in examination.faults)
        raise InvalidInput(lines, f"mend the files, then: clmdeploy config check -e {name}")
    return examination.environment


def examine(directory: Path) -> Examination:
    """Reads all files of one environment and checks them each and together. Never raises for what stands in them."""
    document = read(directory / "clm.yml")
    settings, faults = read_settings(document)
    hosts, inventory, of_hosts = read_hosts(directory)
    if settings is None:
        return Examination(None, told_once(faults + of_hosts))
    keys, wrong = pinned_keys(settings, document)
    loaded = LoadedEnvironment(directory, settings, hosts, {})
    faults += settings_faults(settings, document, hosts) + wrong + signer_faults(settings, document) + of_hosts
    if keys and not wrong:  # else every host would be reported for the one fault of the file
        faults += host_faults(hosts, keys, inventory, loaded.known_hosts)
    elif not wrong:
        faults.append(Fault(loaded.known_hosts, "pins no key: no host could ever be reached"))
    pinned = {host.name: tuple(f"{key.kind} {key.encoded}" for key in keys_of(host, keys)) for host in hosts}
    return Examination(None if faults else LoadedEnvironment(directory, settings, hosts, pinned), told_once(faults))


def read_settings(document: Document) -> tuple[Environment | None, list[Fault]]:
    """The settings of a clm.yml that was read, and every fault of it."""
    faults = list(document.faults)
    if document.content is None and not faults:
        faults.append(document.fault((), "is empty: `clmdeploy config example` prints one to begin with"))
    if document.content is None:
        return None, faults
    faults += [
        document.fault(key, "is empty: give a value, or delete the line") for key in _empty(document.content, ())
    ]
    try:
        settings = Environment.model_validate(document.content)
    except ValidationError as error:
        told = {fault.key for fault in faults}
        wrong = faults_of(error, Environment)
        return None, faults + [document.fault(key, cause) for key, cause in wrong if key not in told]
    return (None if faults else settings), faults


def _empty(content: YamlValue, key: KeyPath) -> Iterator[KeyPath]:
    """Keys without a value. `balancer:` with all its lines commented out must not mean: no balancer."""
    if content is None:
        yield key
    elif isinstance(content, dict | list):
        for part, below in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _empty(below, (*key, part))


def unresolved_secrets(
    loaded: LoadedEnvironment, environ: Mapping[str, str], *, open_vaults: bool
) -> dict[str, InvalidInput]:
    """Setting → what keeps each secret from being read on this machine now. The values themselves are dropped at once.

    Without `open_vaults` vaulted secrets are passed over: opening one imports Ansible and may run a password program.
    """
    missing = {}
    for key, reference in secret_references(loaded.settings).items():
        if reference.vault and not open_vaults:
            continue
        try:
            resolve(reference, loaded.directory, environ, key=key)
        except InvalidInput as error:
            missing[key] = error
    return missing
