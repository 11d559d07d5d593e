"""`clmdeploy lab` without any host."""

from __future__ import annotations

import json
import subprocess
import sys

from click.testing import CliRunner

from clmdeploy.cli.lab import lab
from clmdeploy.model.errors import UsageError


def test_help_names_every_command_and_fault() -> None:
    """The face has the commands and the faults that the manual names."""
    assert list(lab.commands) == ["up", "down", "status", "demo", "ssh", "inventory", "fault"]
    faults = {"cut", "heal", "freeze", "thaw", "kill", "start", "reboot", "wipe", "fill", "drain-disk"}
    assert set(lab.commands["fault"].commands) == faults  # type: ignore[attr-defined]


def test_importing_the_command_imports_nothing_heavy() -> None:
    """The module of the command brings in neither boto3 nor pydantic nor the lab itself."""
    program = "import clmdeploy.cli.lab, json, sys; print(json.dumps(sorted(sys.modules)))"
    argv = (sys.executable, "-c", program)
    modules = set(json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout))
    assert not modules & {"boto3", "botocore", "pydantic", "yaml", "rich", "clmdeploy.lab.lab"}


def test_a_number_of_hosts_out_of_range_is_a_usage_error() -> None:
    """Twenty-one application hosts are refused before anything is touched."""
    assert CliRunner().invoke(lab, ["up", "--apps", "21"]).exit_code == 2


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    """A name with a path in it never reaches the file system."""
    result = CliRunner().invoke(lab, ["down", "--name", "../../etc"])
    assert isinstance(result.exception, UsageError)
