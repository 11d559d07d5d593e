"""A playbook run sees the same variables whoever starts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.adapters.playbook import PlaybookRun
from clmdeploy.adapters.playbook_environment import cleaned, own_variables
from clmdeploy.model.hosts import Host

LEAKS = (
    "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_BECOME", "ANSIBLE_HOST_KEY_CHECKING",
    "ANSIBLE_FORKS", "ANSIBLE_REMOTE_USER", "ANSIBLE_VAULT_PASSWORD_FILE", "AWX_LIB_DIRECTORY", "RUNNER_OWN",
    "CLM_S3_SECRET_KEY", "AWS_PROFILE",
)  # fmt: skip


def prepared_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment that the real ansible-runner would hand to ansible-playbook."""
    from ansible_runner import Runner

    seen: dict[str, str] = {}

    def run(runner: Runner) -> None:
        seen.update(runner.config.env)
        runner.rc = 0

    monkeypatch.setattr(Runner, "run", run)
    host = Host(name="app1", address="192.0.2.1")
    PlaybookRun("stage", [host], {}, tmp_path / "known_hosts", 10).outcomes(lambda _key, _outcome: None)
    return seen


def test_nothing_of_the_shell_leaks_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Ansible's variables, which beat any ansible.cfg, nor the keys of the storage."""
    plain = prepared_environment(monkeypatch, tmp_path)
    for name in LEAKS:
        monkeypatch.setenv(name, "a leak")
    leaky = prepared_environment(monkeypatch, tmp_path)
    assert leaky.keys() == plain.keys()
    assert not [name for name, value in leaky.items() if "a leak" in value]
    assert (leaky["ANSIBLE_STDOUT_CALLBACK"], leaky["ANSIBLE_HOST_KEY_CHECKING"]) == ("awx_display", "True")
    assert ":" not in leaky["ANSIBLE_CALLBACK_PLUGINS"]


def test_the_ways_to_prove_who_one_is_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys may live in an agent."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    assert prepared_environment(monkeypatch, tmp_path)["SSH_AUTH_SOCK"] == "/run/agent"


def test_what_the_run_says_itself_stays(tmp_path: Path) -> None:
    """Pinned host keys and the directory by which its processes are found."""
    own = own_variables(tmp_path, tmp_path / "known_hosts", tmp_path / "sockets")
    kept = cleaned({**own, "ANSIBLE_DEBUG": "1"}, own)
    assert kept == own
    assert f"UserKnownHostsFile={tmp_path}/known_hosts" in kept["ANSIBLE_SSH_ARGS"]
    assert kept["CLMDEPLOY_RUN"] == str(tmp_path)
