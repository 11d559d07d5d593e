"""The script of the demonstration, from the bare machine to the last look around."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clmdeploy.lab.demo import fleet, place
from clmdeploy.lab.demo.command_line import CommandLine
from clmdeploy.lab.demo.failure import PromiseBroken
from clmdeploy.lab.demo.report import Chapter, DemoReport, Measurement
from clmdeploy.lab.demo.screen import Screen
from clmdeploy.lab.demo.traffic import Traffic, demand_harm, demand_unharmed
from clmdeploy.lab.inventory import ENVIRONMENT
from clmdeploy.lab.lab import Lab
from clmdeploy.model.errors import ExitCode

_NO_RESTORE_POINT = ("--no-restore-point", "a lab: its data is made up")
_WATCHED = ("--soak", "1")
_BEFORE_CONTROL = 2.0  # seconds in which the load begins: restarts take less than a rollout's planning


@dataclass(frozen=True)
class DemoSpec:
    """How large: `requests` at least, `rate` a second, while two releases roll out; after that at half the rate."""

    name: str = "demo"
    subscribers: int = 100_000
    rate: float = 150.0
    requests: int = 5_000


class Demo:
    """Plays the script once; `report` grows as it goes on."""

    def __init__(self, spec: DemoSpec, screen: Screen, command_line: CommandLine) -> None:
        self._spec = spec
        self._screen = screen
        self._cli = command_line
        self.report = DemoReport(lab=spec.name)

    def play(self) -> None:
        """Everything, in order. Raises DemoFailed or PromiseBroken at the first thing that is not as it must be."""
        lab = self._put_up()
        busy, calm = (Traffic(lab, rate, self._spec.subscribers) for rate in (self._spec.rate, self._spec.rate / 2))
        self._prepare(lab)
        self._install_first(lab)
        self._roll_forward(lab, busy)
        self._survive_bad_release(lab, calm)
        self._roll_back(lab, calm)
        self._control(calm)
        self._look_around(lab)

    def _put_up(self) -> Lab:
        with self._chapter("A lab: seven Debian hosts on this machine") as chapter:
            if place.standing_demo(self._spec.name):
                self._screen.say("The lab of an earlier demonstration stands: it is replaced.")
                self._cli.run("lab", "down", "--name", self._spec.name)
            self._cli.run("lab", "up", "--name", self._spec.name)
            lab = Lab.open(self._spec.name)
            place.claim(lab)
            self.report.inventories = str(lab.inventories)
            chapter.outcome = ", ".join(lab.hosts)
        return lab

    def _prepare(self, lab: Lab) -> None:
        with self._chapter("Prepare the bare hosts; build, sign and publish 1.0.0 meanwhile") as chapter:
            self._sources = place.write_sources(lab)
            with self._cli.meanwhile("host", "setup", "-e", ENVIRONMENT, "--yes"):
                self._publish(lab, "1.0.0")
            chapter.outcome = f"releases are in {self._sources['1.0.0'].parent}"

    def _publish(self, lab: Lab, version: str) -> None:
        bundles = place.home(lab) / "bundles"
        self._cli.run("release", "build", str(self._sources[version]), "--out", str(bundles))
        self._cli.run("release", "publish", str(bundles / f"clm-{version}.tar.gz"), "-e", ENVIRONMENT)

    def _install_first(self, lab: Lab) -> None:
        count = self._spec.subscribers
        with self._chapter(f"First install: 1.0.0, and a database of {count:,} subscribers") as chapter:
            self._deploy("1.0.0", "--strategy", "all-at-once", *_NO_RESTORE_POINT)
            self._demand_everywhere(lab, "1.0.0")
            seed = (
                "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--property=User=clm",
                "--property=EnvironmentFile=/opt/clm/shared/clm.env",
                "/opt/clm/current/bin/seed", "--subscribers", str(count),
            )  # fmt: skip
            with self._cli.meanwhile("lab", "ssh", "--name", self._spec.name, "app1", *seed):
                for version in list(self._sources)[1:]:
                    self._publish(lab, version)
            chapter.outcome = f"published: {', '.join(self._sources)}"

    def _roll_forward(self, lab: Lab, traffic: Traffic) -> None:
        least = self._spec.requests
        with self._chapter("1.0.0 → 1.1.0 → 1.2.0 while CLM is in use") as chapter:
            self._screen.say(f"Load: {self._spec.rate:g} requests a second through the balancer, none is sent twice.")
            with traffic.flowing("1.0.0 → 1.1.0 → 1.2.0", self.report.measurements.append, least):
                self._deploy("1.1.0", *_WATCHED, *_NO_RESTORE_POINT)
                self._deploy("1.2.0", *_WATCHED)
            measured = self._demand_unharmed(least)
            self._demand_everywhere(lab, "1.2.0")
            chapter.outcome = measured.sentence

    def _survive_bad_release(self, lab: Lab, traffic: Traffic) -> None:
        with self._chapter("1.3.0 fails its health check, and takes itself back") as chapter:
            with traffic.flowing("1.3.0", self.report.measurements.append):
                self._deploy("1.3.0", *_WATCHED, expect=ExitCode.FAILED_UNCHANGED)
            measured = self._demand_unharmed()
            self._demand_everywhere(lab, "1.2.0")
            chapter.outcome = f"1.2.0 runs everywhere, as before; {measured.sentence}"

    def _roll_back(self, lab: Lab, traffic: Traffic) -> None:
        with self._chapter("Back to 1.1.0 by one command") as chapter:
            with traffic.flowing("rollback to 1.1.0", self.report.measurements.append):
                self._cli.run("rollback", "-e", ENVIRONMENT, "--to", "1.1.0", *_WATCHED, "--yes")
            measured = self._demand_unharmed()
            self._demand_everywhere(lab, "1.1.0")
            chapter.outcome = measured.sentence

    def _control(self, traffic: Traffic) -> None:
        with self._chapter("Control run: the same restarts without draining do fail requests") as chapter:
            with traffic.flowing("restarts without drain", self.report.measurements.append):
                time.sleep(_BEFORE_CONTROL)
                for host in ("app1", "app2", "app3"):
                    self._cli.run("lab", "ssh", "--name", self._spec.name, host, "systemctl", "restart", "clm-web")
            measured = self.report.measurements[-1]
            demand_harm(measured)
            self._screen.good(f"so this measurement can tell: {measured.sentence}")
            chapter.outcome = f"{measured.failed} of {measured.sent} requests failed, as they must"

    def _look_around(self, lab: Lab) -> None:
        with self._chapter("What runs where, and what happened"):
            self._cli.run("status", "-e", ENVIRONMENT, "--probe")
            self._cli.run("release", "history", "-e", ENVIRONMENT)
            self._cli.run("journal", "verify", "-e", ENVIRONMENT)
            self.report.releases = fleet.releases(lab)

    def _deploy(self, version: str, *options: str, expect: ExitCode = ExitCode.DONE) -> None:
        self._cli.run("deploy", version, "-e", ENVIRONMENT, *options, "--yes", expect=expect)

    def _demand_unharmed(self, least: int = 1) -> Measurement:
        measured = self.report.measurements[-1]
        demand_unharmed(measured, least)
        self._screen.good(measured.sentence)
        return measured

    def _demand_everywhere(self, lab: Lab, version: str) -> None:
        """Asked by ssh, not by the tool itself: every host is on `version`, and no server is out of rotation."""
        found, missing = fleet.releases(lab), fleet.out_of_rotation(lab)
        if set(found.values()) != {version} or missing:
            raise PromiseBroken(f"expected {version} everywhere and all servers up; found {found}, {missing}")
        self._screen.good(f"asked by ssh: {version} runs on {', '.join(found)}; every server is in rotation")

    @contextmanager
    def _chapter(self, title: str) -> Iterator[Chapter]:
        chapter = Chapter(title)
        self.report.chapters.append(chapter)
        self._screen.chapter(len(self.report.chapters), title)
        began = time.monotonic()
        try:
            yield chapter
        finally:
            chapter.seconds = round(time.monotonic() - began, 1)
