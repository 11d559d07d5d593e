"""The project's .gitlab-ci.yml, its jobs played in order on real hosts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clmdeploy.lab.sample import write_release
from tests.lab.fleet import Fleet

PIPELINE = Path(__file__).parents[2] / ".gitlab-ci.yml"
KEYWORDS = {"stages", "default", "variables"}
VERSION = "1.2.1"
LIMIT = 240  # seconds a job
SECRETS = {"access_key": "CLM_S3_ACCESS_KEY", "secret_key": "CLM_S3_SECRET_KEY", "signing_key": "CLM_SIGNING_KEY"}


@pytest.fixture
def checkout(fleet: Fleet, tmp_path: Path) -> Path:
    """A project's checkout: a release, and an inventory that takes every secret from the pipeline's variables."""
    place = tmp_path / "project"
    release = write_release("1.2.0", place / "release")
    for path in (release / "release.yml", release / "clm" / "release.py"):  # a version that nobody has published yet
        path.write_text(path.read_text().replace("1.2.0", VERSION))
    inventory = place / "inventories" / "lab"
    shutil.copytree(fleet.lab.inventories / "lab", inventory, ignore=shutil.ignore_patterns("secrets"))
    settings = yaml.safe_load((inventory / "clm.yml").read_text())
    del settings["backup"]  # the pipeline holds no keys of backups
    for section in (settings["storage"], settings["trust"]):
        section.update({key: {"env": SECRETS[key]} for key in section.keys() & SECRETS.keys()})
    (inventory / "clm.yml").write_text(yaml.safe_dump(settings))
    return place


def jobs(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order in which GitLab runs them."""
    for stage in pipeline["stages"]:
        yield from (job for name, job in pipeline.items() if name not in KEYWORDS and job["stage"] == stage)


def variables(fleet: Fleet, pipeline: dict[str, Any]) -> dict[str, str]:
    """The file's own, overridden by the project's: the environment is the lab, and secrets are masked variables."""
    secrets = fleet.lab.inventories / "lab" / "secrets"
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
        **pipeline["variables"], "CLM_ENVIRONMENT": "lab", "CI": "true", "CI_JOB_URL": "https://gitlab.example/jobs/7",
        "CI_COMMIT_SHORT_SHA": "0a1b2c3d", "CLM_SIGNING_KEY": (secrets / "signing-key").read_text(),
        "CLM_S3_ACCESS_KEY": (secrets / "s3-access-key").read_text().strip(),
        "CLM_S3_SECRET_KEY": (secrets / "s3-secret-key").read_text().strip(),
    }  # fmt: skip


def play(job: dict[str, Any], place: Path, environ: dict[str, str]) -> None:
    """One job as GitLab's shell runner runs it: line by line, the first failure ends it."""
    script = "set -eo pipefail\n" + "\n".join(job["script"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=place, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(environ[name] in done.stdout + done.stderr for name in SECRETS.values())


def test_the_pipeline_builds_publishes_and_deploys(fleet: Fleet, checkout: Path) -> None:
    """After its jobs the environment runs the version, and the report for GitLab says so."""
    # From a release with the same schema: until there are restore points, changing it demands a person's reason.
    fleet.bring_to("1.1.0")
    pipeline = yaml.safe_load(PIPELINE.read_text())
    environ = variables(fleet, pipeline)
    for job in jobs(pipeline):
        play(job, checkout, environ)
        dotenv = job.get("artifacts", {}).get("reports", {}).get("dotenv")
        if dotenv:
            environ |= dict(line.split("=", 1) for line in (checkout / dotenv).read_text().splitlines())
    assert set(fleet.releases.values()) == {VERSION}
    report = ElementTree.parse(checkout / "deploy.xml").getroot()  # noqa: S314  # our own file
    assert report.findall(".//testcase")
    assert not report.findall(".//failure")
    assert VERSION in (checkout / "notes.md").read_text()


def test_every_job_uses_the_tool_only() -> None:
    """Nothing in the pipeline but clmdeploy's own commands: what works here works at a terminal."""
    pipeline = yaml.safe_load(PIPELINE.read_text())
    lines = [line for job in jobs(pipeline) for line in job["script"]]
    assert lines
    assert all(line.startswith("clmdeploy ") for line in lines)
