"""Loading an environment: found by name, checked as a whole, bound by digests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clmdeploy.config.example import render
from clmdeploy.config.loading import environments, examine, find_inventories, load, unresolved_secrets
from clmdeploy.model.errors import InvalidInput

Edit = Callable[[str, str, str], None]
Faults = Callable[[], list[str]]
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7"
quickly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
known_keys = st.sampled_from(["format", "name", "uuid", "storage", "trust", "rollout", "balancer", "install", "env"])


def refusal(inventories: Path, name: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        load(inventories, name)
    return caught.value


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_shipped_inventories_hold(name: str) -> None:
    """The commented examples pass every check that a real environment must pass."""
    loaded = load(Path(__file__).parents[3] / "inventories", name)
    assert set(loaded.host_keys) == {host.name for host in loaded.hosts}
    assert all(loaded.host_keys.values())


@quickly
@example(content={"[key]": None})
@given(content=st.dictionaries(known_keys | st.text(max_size=12), values, max_size=6))
def test_any_mapping_as_clm_yml_is_refused_in_order(directory: Path, content: dict[str, Any]) -> None:
    """Whatever mapping stands in clm.yml, the outcome is one InvalidInput and never another exception."""
    (directory / "clm.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
    assert refusal(directory.parent, "staging").message


@quickly
@given(content=values)
def test_any_value_as_hosts_yml_is_refused_in_order(directory: Path, content: object) -> None:
    """Whatever stands in hosts.yml, reading it ends in hosts or in faults."""
    (directory / "hosts.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
    assert examine(directory).faults


def free_fields(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from free_fields(value, (*path, key))
        elif isinstance(value, str):
            yield (*path, key)


@pytest.mark.parametrize("path", list(free_fields(yaml.safe_load(render()))), ids=".".join)
@pytest.mark.parametrize("expression", ["{{ 7 * 7 }}", "{{ lookup('pipe', 'id') }}", "{% raw %}", "{# x #}"])
def test_jinja_is_refused_in_every_field(directory: Path, path: tuple[str, ...], expression: str) -> None:
    """A template in any text of clm.yml is refused with its key path: Jinja is never run on data."""
    content = yaml.safe_load(render({"name": "staging"}))
    section = content
    for part in path[:-1]:
        section = section[part]
    section[path[-1]] = expression
    (directory / "clm.yml").write_text(yaml.safe_dump(content))
    assert f"{'.'.join(path)}: Jinja is never run on data" in refusal(directory.parent, "staging").message


def test_all_faults_at_once(edit: Edit, faults: Faults) -> None:
    """Faults of every file are told in one go, each with file, line and key path, in the order of the files."""
    edit("clm.yml", "drain_limit: 15", "drain_limit: 0")
    edit("clm.yml", "canary: 1", "canry: 1")
    edit("hosts.yml", "192.0.2.11", "'{{ address }}'")
    assert faults() == [
        "clm.yml:71: balancer.drain_limit: must be at least 1",
        "clm.yml:76: rollout.canry: unknown key; did you mean 'canary'?",
        "hosts.yml:14: all.children.app.hosts.app1.ansible_host: Jinja is never run on data: write the value itself",
    ]


SLIPS = [
    ("clm.yml", "name: staging", "name: production", "clm.yml:10: name: must be the directory's name, 'staging'"),
    ("clm.yml", "group: lb", "group: balancers", "no hosts in group 'balancers' (it has: app, db, lb, worker)"),
    ("clm.yml", "{app: clm_web}", "{web: clm_web}", "balancer.backends.web: hosts.yml has no hosts in group 'web'"),
    ("clm.yml", ": pipeline@", ": stranger@", "trust.principal: stranger@example.com is not in allowed_signers"),
    ("clm.yml", "known_hosts: known_hosts", "known_hosts: nowhere", "trust.known_hosts: "),
    ("clm.yml", "#ca_file: ca.pem", "ca_file: known_hosts", "storage.ca_file: known_hosts holds no certificate"),
    ("clm.yml", "state_bucket: clm-staging-state", "state_bucket:", "state_bucket: is empty: give a value"),
    ("known_hosts", "192.0.2.31 ssh", "192.0.2.99 ssh", "known_hosts: no key is pinned for db1 (192.0.2.31)"),
    ("known_hosts", "192.0.2.31 ssh", "@revoked 192.0.2.31 ssh", "known_hosts:7: marker lines (@revoked)"),
    ("known_hosts", "192.0.2.31 ssh", "*.example.com ssh", "known_hosts:7: patterns (* ? !) can't be used"),
    ("allowed_signers", "ssh-ed25519", "ssh-dss", "allowed_signers:3: "),
    ("hosts.yml", "192.0.2.12", "192.0.2.11", "hosts.yml: app1 and app2 have the same address 192.0.2.11"),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), SLIPS)
def test_the_files_are_checked_together(
    edit: Edit, faults: Faults, name: str, old: str, new: str, expected: str
) -> None:
    """What no single file shows is found too: names, groups, keys and signers that don't fit each other."""
    edit(name, old, new)
    assert any(expected in fault for fault in faults())


def test_a_section_without_content_is_no_default(directory: Path, faults: Faults) -> None:
    """`balancer:` with every line below it commented out is a slip, not a wish to drain nothing."""
    text = (directory / "clm.yml").read_text()
    (directory / "clm.yml").write_text(
        text.replace("  group: lb", "").replace("  backends", "  #").replace("  drain", "  #")
    )
    assert ["balancer: is empty" in fault for fault in faults()] == [True]


def test_missing_files_are_named(directory: Path, faults: Faults) -> None:
    """Each missing file is a fault with its path."""
    for name in ("hosts.yml", "known_hosts", "allowed_signers"):
        (directory / name).unlink()
    assert faults() == [
        "clm.yml:53: trust.known_hosts: known_hosts: no such file",
        "clm.yml:55: trust.allowed_signers: allowed_signers: no such file",
        "hosts.yml: no such file",
    ]


def test_unknown_environment(directory: Path) -> None:
    """The environments that exist are listed, and the nearest is suggested."""
    error = refusal(directory.parent, "stagging")
    assert "no environment 'stagging'; did you mean 'staging'?" in error.message
    assert error.hint == "it has: staging"


@pytest.mark.parametrize("name", ["../staging", "staging/", "", ".", "staging/../staging", "Staging", "a" * 5000, "\0"])
def test_names_lead_nowhere_else(directory: Path, name: str) -> None:
    """A name is looked up among the environments, never joined to a path."""
    assert "no environment" in refusal(directory.parent, name).message


def test_inventories_are_found(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--inventories, else $CLM_INVENTORIES, else ./inventories; a missing directory is said with the remedy."""
    monkeypatch.chdir(tmp_path)
    assert find_inventories(None, {}) == Path("inventories")
    assert find_inventories(None, {"CLM_INVENTORIES": str(tmp_path)}) == tmp_path
    assert find_inventories(directory.parent, {"CLM_INVENTORIES": "/nowhere"}) == directory.parent
    with pytest.raises(InvalidInput, match="no such directory of inventories") as caught:
        find_inventories(Path("/nowhere"), {})
    assert "clmdeploy init" in caught.value.hint


def test_environments_are_directories_with_settings(directory: Path) -> None:
    """What has no clm.yml, or no name that an environment can have, is none."""
    (directory.parent / "empty").mkdir()
    shutil.copytree(directory, directory.parent / ".init-x")
    assert environments(directory.parent) == ["staging"]


@pytest.mark.parametrize(
    ("signers", "required", "enough"),
    [
        ({"a": "", "b": ""}, 1, True),
        ({"a": "", "b": ""}, 2, False),
        ({"a": ""}, 1, False),
        ({"a": "clmdeploy.plan", "b": "clmdeploy.approval", "c": "clmdeploy.approval"}, 2, True),
        ({"a": "clmdeploy.plan", "b": "clmdeploy.release"}, 1, False),
        ({"a": "clmdeploy.approval", "b": "clmdeploy.approval"}, 1, False),
    ],
)
def test_approvals_that_nobody_can_give_are_a_fault(
    directory: Path, edit: Edit, faults: Faults, signers: dict[str, str], required: int, enough: bool
) -> None:
    """Told by `config check`, not at night: too few people have a key that may approve."""
    lines = [" ".join((name, *([f'namespaces="{what}"'] if what else []), _KEY)) for name, what in signers.items()]
    (directory / "allowed_signers").write_text("\n".join(lines))
    edit("clm.yml", "pipeline@example.com", "a")
    edit("clm.yml", "balancer:\n", f"approvals: {{required: {required}}}\nbalancer:\n")
    found = [fault for fault in faults() if "approvals.required: nobody could ever deploy" in fault]
    assert (found == []) is enough


def test_digests_bind_what_matters(directory: Path, edit: Edit) -> None:
    """A value and an address count; comments, written-out defaults and one's own key file don't."""
    first = load(directory.parent, "staging")
    edit("clm.yml", "#hotfix_soak: 5", "hotfix_soak: 5")
    edit("hosts.yml", "# ansible_ssh_private_key_file", "ansible_ssh_private_key_file")
    same = load(directory.parent, "staging")
    assert (same.settings_digest, same.inventory_digest) == (first.settings_digest, first.inventory_digest)
    edit("clm.yml", "soak: 10", "soak: 11")
    edit("known_hosts", "192.0.2.31 ssh", "192.0.2.32 ssh")
    edit("hosts.yml", "192.0.2.31", "192.0.2.32")
    other = load(directory.parent, "staging")
    assert other.settings_digest != first.settings_digest
    assert other.inventory_digest != first.inventory_digest


def test_a_plan_of_one_administrator_fits_another(directory: Path, edit: Edit) -> None:
    """Who signs here, and where keys are kept, is no difference of the environment."""
    first = load(directory.parent, "staging").settings_digest
    edit("clm.yml", "CLM_S3_ACCESS_KEY", "PETROVS_ACCESS_KEY")
    edit("clm.yml", "CLM_SIGNING_KEY", "PETROVS_SIGNING_KEY")
    assert load(directory.parent, "staging").settings_digest == first


def test_another_pinned_key_is_another_inventory(directory: Path, edit: Edit) -> None:
    """Two hosts that swap keys are a change of the inventory, though no address has moved."""
    first = load(directory.parent, "staging").inventory_digest
    edit("known_hosts", "192.0.2.11 ssh", "swap ssh")
    edit("known_hosts", "192.0.2.12 ssh", "192.0.2.11 ssh")
    edit("known_hosts", "swap ssh", "192.0.2.12 ssh")
    assert load(directory.parent, "staging").inventory_digest != first


def test_secrets_are_looked_for_and_dropped(directory: Path) -> None:
    """Each secret that can't be read is named with key path and variable; the values go nowhere."""
    loaded = load(directory.parent, "staging")
    environ = {"CLM_S3_ACCESS_KEY": "key", "CLM_SIGNING_KEY": "key"}
    (error,) = unresolved_secrets(loaded, environ, open_vaults=True).values()
    assert (
        error.message == f"{directory}/clm.yml: storage.secret_key: environment variable CLM_S3_SECRET_KEY is not set"
    )
