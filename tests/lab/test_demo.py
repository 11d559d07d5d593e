"""The demonstration as `make demo` runs it: what it promises, it measures; and it can be stopped and played again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from clmdeploy.lab import Lab
from clmdeploy.lab.removal import take_down
from clmdeploy.lab.state import standing
from clmdeploy.model.errors import ExitCode
from tests.lab.command_line import CommandLine

LIMIT = 900  # seconds; two minutes on a machine that has nothing else to do


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line without any lab's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLM_")}
    return CommandLine({**kept, "HOME": str(tmp_path_factory.mktemp("home")), "PYTHONUNBUFFERED": "1"})


@pytest.fixture
def name() -> Iterator[str]:
    """A lab of this test alone; it goes whatever happens."""
    own = f"demo{os.getpid()}"
    try:
        yield own
    finally:
        take_down(own)


@pytest.mark.timeout(LIMIT + 120)
def test_the_demonstration_can_be_stopped_and_played_again(command_line: CommandLine, name: str) -> None:
    """Ctrl-C tells what is up and how to take it down; the next run replaces that lab, and keeps every promise."""
    stopped = interrupted_at(command_line, "release build", name)
    assert f"clmdeploy lab down --name {name}" in stopped
    assert f"The lab {name} is up" in stopped
    ran = command_line("lab", "demo", "--name", name, "--no-keep", "--json", timeout=LIMIT).expecting(0)
    assert "it is replaced" in ran.stderr
    report = ran.json
    assert report["format"] == "demo-report/1"
    rolling, bad, back, control = report["measurements"]
    for measured in (rolling, bad, back):
        assert (measured["failed"], measured["exact"]) == (0, True)
    assert rolling["sent"] >= 5000
    assert rolling["writes"] > 500
    assert rolling["versions"] == ["1.0.0", "1.1.0", "1.2.0"]
    assert bad["versions"] == ["1.2.0"]
    assert control["failed"] > 0
    assert set(report["releases"].values()) == {"1.1.0"}
    assert name not in {directory.path.name for directory in standing()}


def interrupted_at(command_line: CommandLine, words: str, name: str) -> str:
    """Start the demonstration, type Ctrl-C once it has shown `words`, and give all that it said."""
    process = command_line.started("lab", "demo", "--name", name)
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if words in line and process.poll() is None:
            process.send_signal(signal.SIGINT)
            words = "\0"  # once
    assert process.wait(60) == ExitCode.UNEXPECTED
    return "".join(said)


def test_a_lab_of_somebody_else_is_left_alone(command_line: CommandLine, lab: Lab) -> None:
    """A lab of that name that no demonstration made is neither replaced nor taken down."""
    ran = command_line("lab", "demo", "--name", lab.name, "--no-keep").expecting(2)
    assert "left alone" in ran.stderr
    assert lab.host("app1").run(("true",)).returncode == 0
