"""Options that people type where they please."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clmdeploy.cli.context import Invocation, glance
from clmdeploy.cli.main import cli
from clmdeploy.cli.options import environment_option, json_option, pass_invocation


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Invocation, str]]:
    """What a command `probe` of a group `noun` was given, run by run."""
    calls: list[tuple[Invocation, str]] = []

    @click.group()
    def noun() -> None:
        pass

    @noun.command()
    @environment_option
    @json_option
    @pass_invocation
    def probe(invocation: Invocation, environment: str) -> None:
        calls.append((invocation, environment))

    monkeypatch.setitem(cli.commands, "noun", noun)
    return calls


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--debug", "--lang", "ru", "--inventories", "dir", "noun", "probe", "-e", "staging"],
        ["noun", "probe", "--environment=staging", "--json", "--debug", "--lang=ru", "--inventories=dir"],
        ["--json", "noun", "probe", "-e", "staging", "--lang", "ru", "--inventories", "dir", "--debug"],
    ],
)
def test_global_options_stand_anywhere(seen: list[tuple[Invocation, str]], arguments: list[str]) -> None:
    """Before the noun or after the verb, the command gets the same."""
    assert CliRunner(env={"LC_ALL": "C"}).invoke(cli, arguments, catch_exceptions=False).exit_code == 0
    expected = Invocation(inventories=Path("dir"), language="ru", json=True, debug=True)
    assert seen == [(expected, "staging")]
    assert glance(arguments, {}) == Invocation(language="ru", json=True, debug=True)


def test_the_environment_may_come_from_a_variable(seen: list[tuple[Invocation, str]]) -> None:
    """$CLM_ENVIRONMENT and $CLM_INVENTORIES stand in for the options, and lose to them."""
    runner = CliRunner(env={"CLM_ENVIRONMENT": "staging", "CLM_INVENTORIES": "dir"})
    runner.invoke(cli, ["noun", "probe"], catch_exceptions=False)
    runner.invoke(cli, ["noun", "probe", "-e", "lab", "--inventories", "other"], catch_exceptions=False)
    assert [(invocation.inventories, name) for invocation, name in seen] == [
        (Path("dir"), "staging"),
        (Path("other"), "lab"),
    ]


def test_a_missing_environment_names_flag_and_variable() -> None:
    """Without -e the flag and the variable are named, and nothing runs."""
    result = CliRunner().invoke(cli, ["config", "check"])
    assert result.exit_code == 2
    assert "--environment" in result.output
    assert "CLM_ENVIRONMENT" in result.output


def test_what_follows_a_double_dash_is_not_ours() -> None:
    """`host exec -- program --json` asks the program for JSON, not clmdeploy."""
    assert not glance(["host", "exec", "--", "program", "--json", "--lang", "ru"], {}).json
