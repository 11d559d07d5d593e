"""What the tests on real hosts share beside the lab itself (tests/conftest.py): a command line, a prepared fleet."""

from __future__ import annotations

import pytest

from clmdeploy.lab import Lab
from clmdeploy.lab.sample import VERSIONS, write_release
from tests.lab.command_line import CommandLine, publish
from tests.lab.fleet import SUBSCRIBERS, Fleet


@pytest.fixture(scope="session")
def clmdeploy(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line, aimed at the lab; whatever it keeps for itself is kept in a home of its own."""
    return CommandLine.aimed_at(lab, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def fleet(lab: Lab, clmdeploy: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Hosts set up, all releases of the sample published, 1.0.0 installed and its database filled."""
    clmdeploy("host", "setup", "-e", "lab", "--yes").expecting(0)
    place = tmp_path_factory.mktemp("releases")
    for version in VERSIONS:
        publish(clmdeploy, write_release(version, place / version), place / "bundles").expecting(0)
    prepared = Fleet(lab, clmdeploy)
    prepared.bring_to("1.0.0")
    seed = ("--property=User=clm", "--property=EnvironmentFile=/opt/clm/shared/clm.env", "/opt/clm/current/bin/seed")
    run = ("systemd-run", "--quiet", "--wait", "--pipe", *seed, "--subscribers", str(SUBSCRIBERS), "--if-empty")
    lab.host("app1").run(run)
    return prepared
