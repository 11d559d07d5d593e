"""hosts.yml is read as Ansible reads it, and what can't be honoured is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clmdeploy.config.inventory import read_hosts
from clmdeploy.model.hosts import Host


@pytest.fixture(scope="module", autouse=True)
def ansible() -> None:
    """Ansible reads group_vars/ through a plugin, and finds its plugins only when told to look."""
    init_plugin_loader([])


def hosts_of(directory: Path) -> tuple[Host, ...]:
    hosts, _, faults = read_hosts(directory)
    assert [str(fault) for fault in faults] == []
    return hosts


def faults_of(directory: Path, inventory: object) -> list[str]:
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
    return [str(fault).replace(f"{directory}/", "") for fault in read_hosts(directory)[2]]


def by_ansible(directory: Path) -> dict[str, tuple[object, ...]]:
    """Address, port, user and groups of every host, by Ansible's own judgement."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(directory / "hosts.yml")])
    manager = VariableManager(loader=loader, inventory=inventory)
    result = {}
    for host in inventory.get_hosts():
        given = manager.get_vars(host=host, include_hostvars=False)
        address = given.get("ansible_host", host.name)
        groups = {group.name for group in host.get_groups()} - {"all", "ungrouped"}
        result[host.name] = (address, int(given.get("ansible_port", 22)), given.get("ansible_user", "root"), groups)
    return result


def by_us(directory: Path) -> dict[str, tuple[object, ...]]:
    return {host.name: (host.address, host.port, host.user, set(host.groups)) for host in hosts_of(directory)}


def variables(level: str) -> st.SearchStrategy[dict[str, Any]]:
    """Connection variables whose values say where they were given."""
    choices = {
        "ansible_host": st.just(f"{level}.example.com"),
        "ansible_port": st.integers(1, 65535) | st.integers(1, 65535).map(str),
        "ansible_user": st.just(f"user-{level}"),
        "own_variable": st.just(level),
    }
    return st.sets(st.sampled_from(sorted(choices)), max_size=3).flatmap(
        lambda names: st.fixed_dictionaries({name: choices[name] for name in sorted(names)})
    )


names = ["app", "batch", "core", "data"]


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, Any]:
    """Groups with hosts, variables and children; a child always has a later name, so there is no loop."""
    tree: dict[str, Any] = {"all": {"vars": draw(variables("all"))}}
    for index, name in enumerate(names):
        patterns = draw(st.sets(st.sampled_from(["h1", "h2", "h[1:3]", "w[01:02]", "db-[a:b]"]), max_size=2))
        children = draw(st.sets(st.sampled_from(names[index + 1 :]), max_size=2)) if names[index + 1 :] else set()
        tree[name] = {
            "hosts": {pattern: draw(variables(f"{name}-host")) or None for pattern in sorted(patterns)},
            "vars": draw(variables(name)),
            "children": dict.fromkeys(sorted(children)),
        }
    tree["core"]["hosts"]["h1"] = None
    return tree


files = st.dictionaries(
    st.sampled_from(["group_vars/all.yml", *(f"group_vars/{name}.yml" for name in names), "host_vars/h1.yaml"]),
    variables("file"),
    max_size=3,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inventory=inventories(), files=files)
def test_ansible_agrees(
    tmp_path_factory: pytest.TempPathFactory, inventory: Mapping[str, Any], files: Mapping[str, Any]
) -> None:
    """Nested groups, ranges and variables at every level give the hosts that Ansible itself would reach."""
    directory = tmp_path_factory.mktemp("inventory")
    for name, content in {"hosts.yml": inventory, **files}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(yaml.safe_dump(content, sort_keys=False))
    assert by_us(directory) == by_ansible(directory)


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        ("ansible_connection", "local", "must be ssh"),
        ("ansible_ssh_common_args", "-o StrictHostKeyChecking=no", "host keys and time limits are clmdeploy's own"),
        ("ansible_become_password", "word", "passwords don't stand in inventories"),
        ("ansible_ssh_host", "h", "write ansible_host"),
        ("ansible_shell_executable", "/bin/zsh", "is not honoured by clmdeploy"),
        ("ansible_host", "-oProxyCommand=reboot", "holds characters that can't stand there"),
        ("ansible_host", "a b", "holds characters that can't stand there"),
        ("ansible_host", 10, "must be text"),
        ("ansible_user", "-l", "holds characters that can't stand there"),
        ("ansible_port", 0, "must be at least 1"),
        ("ansible_port", True, "must be a port from 1 to 65535"),
        ("ansible_port", "ssh", "must be a whole number"),
        ("ansible_ssh_private_key_file", "", "must not be empty"),
        ("own", "{{ ansible_host }}", "Jinja is never run on data"),
        ("own", {"deep": ["{% if %}"]}, "Jinja is never run on data"),
    ],
)
@pytest.mark.parametrize("level", ["host", "group", "all"])
def test_what_cannot_be_honoured_is_refused(
    tmp_path: Path, level: str, variable: str, value: object, cause: str
) -> None:
    """A variable that would make Ansible connect otherwise is refused wherever it stands, with the reason."""
    given = {variable: value}
    inventory = {
        "all": {"vars": given if level == "all" else {}},
        "app": {"hosts": {"app1": given if level == "host" else None}, "vars": given if level == "group" else {}},
    }
    faults = faults_of(tmp_path, inventory)
    assert len(faults) >= 1
    assert cause in faults[0]
    assert variable in faults[0]


@pytest.mark.parametrize(
    ("inventory", "cause"),
    [
        (None, "must be an Ansible inventory in YAML"),
        ({"app": None}, "hosts.yml: declares no host"),
        ({"app": {"hosts": ["app1"]}}, "app.hosts: must be a mapping (names end in a colon)"),
        ({"app": {"host": {"app1": None}}}, "app.host: is not one of hosts, children, vars"),
        ({"app": {"hosts": {"app[1:x]": None}}}, "must go from number to number"),
        ({"app": {"hosts": {"app[1:9999]": None}}}, "stands for more than 1000 hosts"),
        ({"app": {"hosts": {"-app": None}}}, "is no name of a host"),
        ({"app": {"hosts": {"app1:2222": None}}}, "is no name of a host"),
        ({"a": {"hosts": {"h": None}, "children": {"b": {"children": {"a": None}}}}}, "is its own ancestor"),
        ({"a b": {"hosts": {"h": None}}}, "is no name of a group"),
        ({"a": {"children": {"all": {"hosts": {"h": None}}}}}, "can't be a child"),
    ],
)
def test_malformed_inventories(tmp_path: Path, inventory: object, cause: str) -> None:
    """What is no inventory is refused with the key path and what was expected there."""
    assert cause in "\n".join(faults_of(tmp_path, inventory))


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("group_vars/apps.yml", "no 'apps' in hosts.yml; did you mean 'app'?"),
        ("group_vars/app", "is not read by clmdeploy, though Ansible would"),
        ("group_vars/app.json", "is not read by clmdeploy, though Ansible would"),
        ("host_vars/app9.yml", "no 'app9' in hosts.yml"),
    ],
)
def test_variable_files_that_would_be_missed(tmp_path: Path, name: str, cause: str) -> None:
    """A file of variables that no host would get, or that only Ansible would read, is a fault."""
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("ansible_user: clm\n")
    assert cause in "\n".join(faults_of(tmp_path, {"app": {"hosts": {"app1": None}}}))


def test_hosts_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """The first host of a group as written is its canary, so the order is the file's own."""
    assert faults_of(tmp_path, {"app": {"hosts": {"z1": None, "a1": None, "m[1:2]": None}}}) == []
    assert [host.name for host in hosts_of(tmp_path)] == ["z1", "a1", "m1", "m2"]


def test_key_files_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative key file is relative to the inventory, whatever the working directory; ~ is the home directory."""
    monkeypatch.setenv("HOME", "/home/ivanova")
    key = "ansible_ssh_private_key_file"
    inventory = {"app": {"hosts": {"app1": {key: "keys/app"}, "app2": {key: "~/.ssh/id"}}}}
    assert faults_of(tmp_path, inventory) == []
    assert [host.identity_file for host in hosts_of(tmp_path)] == [f"{tmp_path}/keys/app", "/home/ivanova/.ssh/id"]
