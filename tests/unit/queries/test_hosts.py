"""Which hosts a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.checks import HostLook
from clmdeploy.model.errors import UsageError
from clmdeploy.model.hosts import Host
from clmdeploy.queries.hosts import chosen, managed_hosts, release_hosts, unfit
from tests.unit.cli.desk import SETTINGS
from tests.unit.config.test_backup import BACKUP

GROUPS = {
    "lb1": ("lb",), "app1": ("app",), "app2": ("app", "db"), "db1": ("db",), "store1": ("store",),
    "backup1": ("backup",), "spare1": (),
}  # fmt: skip


@pytest.fixture
def environment() -> LoadedEnvironment:
    hosts = tuple(Host(name=name, address="192.0.2.1", groups=groups) for name, groups in GROUPS.items())
    return LoadedEnvironment(Path("lab"), Environment.model_validate(SETTINGS), hosts, {})


def names(hosts: tuple[Host, ...]) -> list[str]:
    return [host.name for host in hosts]


def test_databases_and_stores_are_left_alone(environment: LoadedEnvironment) -> None:
    """A host that is also something else is managed."""
    assert names(managed_hosts(environment)) == ["lb1", "app1", "app2", "spare1"]


def test_databases_and_the_backup_host_are_managed_for_the_sake_of_backups(environment: LoadedEnvironment) -> None:
    """They get the guard, and still no releases."""
    settings = Environment.model_validate({**SETTINGS, "backup": BACKUP})
    backed = LoadedEnvironment(Path("lab"), settings, environment.hosts, {})
    assert names(managed_hosts(backed)) == ["lb1", "app1", "app2", "db1", "backup1", "spare1"]
    assert names(release_hosts(backed)) == ["app1", "app2"]


def test_balancers_and_hosts_without_a_group_get_no_releases(environment: LoadedEnvironment) -> None:
    """No component could ever name them."""
    assert names(release_hosts(environment)) == ["app1", "app2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((), ["lb1", "app1", "app2", "spare1"]), (("app",), ["app1", "app2"]), (("app2", "app"), ["app2", "app1"]),
        (("db",), ["app2"]),
    ],
)  # fmt: skip
def test_a_name_is_a_host_or_a_group(environment: LoadedEnvironment, wanted: tuple[str, ...], found: list[str]) -> None:
    """Each host once, in the order given; of a group only those that can be asked."""
    assert names(chosen(environment, wanted, managed_hosts(environment))) == found


@pytest.mark.parametrize(
    ("wanted", "words"), [("app9", "no host or group 'app9'"), ("db1", "not managed"), ("store", "not managed")]
)
def test_a_name_that_means_nothing_is_refused(environment: LoadedEnvironment, wanted: str, words: str) -> None:
    """With the names that would mean something."""
    with pytest.raises(UsageError, match=words) as caught:
        chosen(environment, (wanted,), managed_hosts(environment))
    assert "app1" in caught.value.hint


def test_hosts_that_cannot_be_set_up_have_not_been_touched() -> None:
    """Cause and remedy in one line; the others are not held up."""
    looks = {
        "app1": HostLook(reachable=False, cause="no route", remedy="check the network"),
        "app2": HostLook(reachable=True, python=(3, 11, 0), systemd=True, may_become_root=True),
    }
    assert list(unfit(looks)) == ["app1"]
    outcome = unfit(looks)["app1"]
    assert (outcome.status, outcome.message, outcome.acted) == ("unreachable", "no route: check the network", False)
