"""Reads hosts.yml, group_vars/ and host_vars/ into hosts as Ansible would, without importing Ansible (a second's work).

Merging follows Ansible's order (ansible.vars.manager, VARIABLE_PRECEDENCE): `all` in the file, other groups in the file
from the outermost to the innermost (by name within one depth), group_vars/all, group_vars of the other groups in that
same order, the host in the file, host_vars. A test compares the outcome with Ansible's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from clmdeploy.config.connection import HONOURED
from clmdeploy.config.faults import Fault, nearest
from clmdeploy.config.files import under
from clmdeploy.config.groups import Tree, Variables, ancestors, depths, read_tree, variables_in
from clmdeploy.config.yaml_source import Document, read
from clmdeploy.model.hosts import Host

_ENDINGS = (".yml", ".yaml")


def read_hosts(directory: Path) -> tuple[tuple[Host, ...], Document, list[Fault]]:
    """The hosts of `directory`/hosts.yml in the order of the file, the file itself, and every fault found."""
    document = read(directory / "hosts.yml")
    tree = read_tree(document)
    faults = list(tree.faults)
    group_files = _read_directory(directory / "group_vars", tree.groups, faults)
    host_files = _read_directory(directory / "host_vars", tree.hosts, faults)
    if faults:
        return (), document, faults
    depth = depths(tree)
    hosts = (_host(name, tree, depth, group_files, host_files) for name in tree.hosts)
    return tuple(_at_home(host, directory) for host in hosts), document, faults


def _read_directory(directory: Path, known: Collection[str], faults: list[Fault]) -> dict[str, Variables]:
    """Variables of the files NAME.yml of `directory`, by NAME, which must be one of `known`."""
    result: dict[str, Variables] = {}
    for path in _files_in(directory):
        if path.suffix not in _ENDINGS or not path.is_file():
            faults.append(Fault(path, "is not read by clmdeploy, though Ansible would: use one file NAME.yml"))
        elif path.stem not in known:
            faults.append(Fault(path, f"no {path.stem!r} in hosts.yml{nearest(path.stem, known)}"))
        elif path.stem in result:
            faults.append(Fault(path, "there are two files for this name, and Ansible reads only one of them"))
        else:
            document = read(path)
            faults.extend(document.faults)
            result[path.stem] = variables_in(document, document.content, (), faults)
    return result


def _files_in(directory: Path) -> Iterator[Path]:
    """What Ansible would look at: no hidden files, no editors' backups."""
    if directory.is_dir():
        yield from (path for path in sorted(directory.iterdir()) if path.name[0] != "." and path.name[-1] != "~")


def _host(
    name: str,
    tree: Tree,
    depth: Mapping[str, int],
    group_files: Mapping[str, Variables],
    host_files: Mapping[str, Variables],
) -> Host:
    direct = {group for group in tree.groups if name in tree.groups[group].hosts}
    groups = sorted(ancestors(tree, direct) | {"all"}, key=lambda group: (depth[group], group))
    merged: Variables = {}
    for layer in (
        *(tree.groups[group].variables for group in groups),
        *(group_files.get(group, {}) for group in groups),
        tree.hosts[name],
        host_files.get(name, {}),
    ):
        merged |= layer
    facts = {HONOURED[variable]: merged[variable].value for variable in HONOURED if variable in merged}
    own = tuple(group for group in groups if group not in ("all", "ungrouped"))
    return Host.model_validate({"name": name, "address": name, "groups": own} | facts)


def _at_home(host: Host, directory: Path) -> Host:
    """Ansible would take a relative key file from the working directory, which differs from run to run."""
    if host.identity_file is None:
        return host
    return host.model_copy(update={"identity_file": str(under(directory.absolute(), host.identity_file))})
