"""The tree of groups that an Ansible YAML inventory describes: what stands where, before variables are merged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from clmdeploy.config.connection import objection
from clmdeploy.config.faults import Fault, KeyPath
from clmdeploy.config.ranges import expand
from clmdeploy.config.yaml_source import Document

_GROUP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
_HOST_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}", re.ASCII)
_SECTIONS = ("hosts", "children", "vars")
_MOST = 1000  # groups, and hosts


@dataclass(frozen=True)
class Assigned:
    """A variable's value and where it was given."""

    value: Any  # Any: whatever YAML held
    document: Document
    key: KeyPath


Variables = dict[str, Assigned]


@dataclass
class Group:
    """One group as written, in all places where it is written."""

    hosts: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    parents: set[str] = field(default_factory=set)
    variables: Variables = field(default_factory=dict)


@dataclass
class Tree:
    """Groups and hosts of one inventory, in the order of the file."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Variables] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_tree(document: Document) -> Tree:
    """Everything hosts.yml declares; what can't be meant so is in `Tree.faults`."""
    tree = Tree(groups={"all": Group(), "ungrouped": Group()}, faults=list(document.faults))
    content = document.content
    if isinstance(content, dict):
        for name, body in content.items():
            _read_group(tree, document, name, body, (name,))
    elif not document.faults:
        tree.faults.append(
            document.fault((), "must be an Ansible inventory in YAML: groups with hosts, children, vars")
        )
    if not tree.hosts and not tree.faults:
        tree.faults.append(document.fault((), "declares no host"))
    if max(len(tree.hosts), len(tree.groups)) > _MOST:
        tree.faults.append(document.fault((), f"declares more than {_MOST} hosts or groups"))
    else:
        tree.faults.extend(document.fault((name,), "is its own ancestor") for name in _looped(tree))
    return tree


def variables_in(document: Document, body: object, key: KeyPath, faults: list[Fault]) -> Variables:
    """The variables of a mapping; those that clmdeploy can't honour are faults."""
    if not isinstance(body, dict):
        if body is not None:
            faults.append(document.fault(key, "must be a mapping of variables"))
        return {}
    for name, value in body.items():
        if reason := objection(name, value):
            faults.append(document.fault((*key, name), reason))
    return {name: Assigned(value, document, (*key, name)) for name, value in body.items()}


def _read_group(tree: Tree, document: Document, name: str, body: object, key: KeyPath) -> None:
    if not _GROUP_NAME.fullmatch(name):
        tree.faults.append(document.fault(key, "is no name of a group: letters, digits, _ and -"))
        return
    group = tree.groups.setdefault(name, Group())
    for section, content in _sections(tree, document, body, key):
        below = (*key, section)
        if section == "vars":
            group.variables |= variables_in(document, content, below, tree.faults)
        elif section == "children":
            _read_children(tree, document, name, content, below)
        else:
            _read_hosts(tree, document, group, content, below)


def _sections(tree: Tree, document: Document, body: object, key: KeyPath) -> list[tuple[str, dict[str, Any]]]:
    if body is not None and not isinstance(body, dict):
        tree.faults.append(document.fault(key, "must hold hosts, children or vars"))
    found = []
    for section, content in body.items() if isinstance(body, dict) else ():
        if section not in _SECTIONS:
            tree.faults.append(document.fault((*key, section), "is not one of hosts, children, vars"))
        elif isinstance(content, dict):
            found.append((section, content))
        elif content is not None:
            tree.faults.append(document.fault((*key, section), "must be a mapping (names end in a colon)"))
    return found


def _read_children(tree: Tree, document: Document, parent: str, children: dict[str, Any], key: KeyPath) -> None:
    for name, body in children.items():
        _read_group(tree, document, name, body, (*key, name))
        if name in ("all", "ungrouped"):
            tree.faults.append(document.fault((*key, name), "can't be a child"))
        elif name in tree.groups:
            tree.groups[name].parents.add(parent)


def _read_hosts(tree: Tree, document: Document, group: Group, hosts: dict[str, Any], key: KeyPath) -> None:
    for pattern, body in hosts.items():
        below = (*key, pattern)
        variables = variables_in(document, body, below, tree.faults)
        try:
            names = expand(pattern)
        except ValueError as error:
            tree.faults.append(document.fault(below, str(error)))
            continue
        for name in names:
            if not _HOST_NAME.fullmatch(name):
                tree.faults.append(
                    document.fault(below, "is no name of a host: letters, digits, . _ and -, at most 63")
                )
                break
            group.hosts[name] = None
            tree.hosts.setdefault(name, {}).update(variables)


def _looped(tree: Tree) -> list[str]:
    """Groups that are among their own ancestors."""
    return [name for name in tree.groups if name in ancestors(tree, tree.groups[name].parents)]


def ancestors(tree: Tree, names: set[str]) -> set[str]:
    """`names` and every group above them, `all` only where it is written as a parent."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= tree.groups[name].parents
    return found


def depths(tree: Tree) -> dict[str, int]:
    """The longest way from `all` down to each group. The tree must have no loop."""
    result = dict.fromkeys(tree.groups, 0)
    settled = False
    while not settled:  # each round settles at least one level
        settled = True
        for name, group in tree.groups.items():
            depth = 0 if name == "all" else 1 + max((result[parent] for parent in group.parents), default=0)
            settled = settled and depth == result[name]
            result[name] = depth
    return result
