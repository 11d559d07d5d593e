"""`clmdeploy config`: check, example, show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from clmdeploy.cli.main import run
from clmdeploy.config.settings import Environment

SHIPPED = Path(__file__).parents[3] / "inventories"


@pytest.fixture(autouse=True)
def inventories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of the shipped examples, and an environment without secrets."""
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("CLM_INVENTORIES", str(tmp_path / "inventories"))
    for name in ("CLM_S3_ACCESS_KEY", "CLM_S3_SECRET_KEY", "CLM_SIGNING_KEY", "CLM_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("staging", "production"):
        shutil.copytree(SHIPPED / name, tmp_path / "inventories" / name)
    return tmp_path / "inventories"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_check_sums_up(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound environment gives groups and hosts; secrets that are not at hand are notes, not faults."""
    assert run(["config", "check", "-e", name]) == 0
    output = capsys.readouterr()
    assert "no fault found" in output.out
    assert "  app: app1, app2" in output.out
    assert "note: " in output.err
    assert "CLM_S3_SECRET_KEY is not set" in output.err


def test_check_can_insist_on_secrets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --resolve-secrets what can't be read is a fault; with all of them at hand nothing is said of them."""
    assert run(["config", "check", "-e", "staging", "--resolve-secrets"]) == 3
    assert capsys.readouterr().err.count("is not set") == 3
    for name in ("CLM_S3_ACCESS_KEY", "CLM_S3_SECRET_KEY", "CLM_SIGNING_KEY"):
        monkeypatch.setenv(name, "very-secret-word")
    assert run(["config", "check", "-e", "staging", "--resolve-secrets"]) == 0
    output = capsys.readouterr()
    assert "very-secret-word" not in output.out + output.err


def test_check_tells_all_faults(inventories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault of every file, exit code 3, and the command that checks again."""
    settings = inventories / "staging" / "clm.yml"
    settings.write_text(settings.read_text().replace("soak: 10", "soak: -1").replace("name: staging", "title: staging"))
    (inventories / "staging" / "hosts.yml").unlink()
    assert run(["config", "check", "-e", "staging"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if f"{settings}" in line]) == 3
    assert any("hosts.yml: no such file" in line for line in lines)
    assert lines[-1] == "→ mend the files, then: clmdeploy config check -e staging"


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as one object."""
    assert run(["config", "check", "-e", "staging", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["environment"] == "staging"
    assert answer["groups"]["app"] == ["app1", "app2"]
    assert len(answer["notes"]) == 3


def test_unknown_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, the nearest name and the list of those that exist."""
    assert run(["config", "check", "-e", "stagin"]) == 3
    assert "did you mean 'staging'?" in capsys.readouterr().err


def test_example_is_a_whole_clm_yml(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed validates, for the asked name, and each print has an identity of its own."""
    uuids = set()
    for _ in range(2):
        assert run(["config", "example", "branch-north"]) == 0
        settings = Environment.model_validate(yaml.safe_load(capsys.readouterr().out))
        assert settings.name == "branch-north"
        uuids.add(settings.uuid)
    assert len(uuids) == 2


def test_show_prints_what_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Defaults are written out, hosts are listed, digests come with --json or --verbose."""
    assert run(["config", "show", "-e", "staging"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["settings"]["install"] == {"root": "/opt/clm", "user": "clm", "keep_releases": 5}
    assert [host["name"] for host in shown["hosts"]][:2] == ["lb1", "app1"]
    assert "digests" not in shown
    assert run(["config", "show", "-e", "staging", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["digests"]["settings"]) == 64


def test_show_never_shows_a_secret(
    inventories: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a resolved value nor a vault's ciphertext is printed: only where the secret is kept."""
    monkeypatch.setenv("CLM_S3_ACCESS_KEY", "very-secret-word")
    settings = inventories / "staging" / "clm.yml"
    vault = "secret_key: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    3133\n"
    settings.write_text(settings.read_text().replace("secret_key: {env: CLM_S3_SECRET_KEY}\n", vault))
    for arguments in (["config", "show", "-e", "staging"], ["config", "show", "-e", "staging", "--json"]):
        assert run(arguments) == 0
        printed = capsys.readouterr().out
        assert "very-secret-word" not in printed
        assert "ANSIBLE_VAULT" not in printed
        assert "CLM_S3_ACCESS_KEY" in printed
        assert "********" in printed
