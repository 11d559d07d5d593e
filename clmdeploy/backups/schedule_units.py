"""The systemd units of scheduled jobs: hardened oneshot services, and timers that never catch up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clmdeploy.backups.jobs import CHECK, Job
from clmdeploy.backups.schedule_layout import HOME, INVENTORIES, STATE, TOLD_BY, USER, program, unit
from clmdeploy.config.backup import Schedule

_ENDING = 180  # seconds: from SIGTERM to SIGKILL, and again for telling people
_CHECK_LIMIT = 600

# Left out: MemoryDenyWriteExecute (cffi needs callbacks), PrivateNetwork, PrivateUsers, ProcSubset=pid.
_SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
"""


@dataclass(frozen=True)
class Units:
    """All units of one environment's schedule. `program`: directory of the installation below /opt/clmdeploy."""

    environment: str
    schedule: Schedule
    jobs: tuple[Job, ...]
    program: str

    def texts(self) -> Mapping[str, str]:
        """Unit name → text."""
        found = {}
        for job in self.jobs:
            found[unit(job.name, "service")] = self._service(job.name)
            found[unit(job.name, "timer")] = self._timer(job)
        found[unit(CHECK, "service")] = self._check_service()
        found[unit(CHECK, "timer")] = self._check_timer()
        return found

    @property
    def timers(self) -> tuple[str, ...]:
        return tuple(name for name in self.texts() if name.endswith(".timer"))

    def _command(self, *words: str) -> str:
        return " ".join((program(self.program), "schedule", *words, "-e", self.environment))

    def _service(self, job: str) -> str:
        limit = self.schedule.deadline + self.schedule.longest
        # Also after SIGKILL, a full memory or the time limit: a killed process can tell nobody how it ended.
        return self._unit(f"{job} of {self.environment}", job, limit) + (
            f"ExecStart={self._command('run', job)}\nExecStopPost={self._command('conclude', job)}\n"
        )

    def _check_service(self) -> str:
        return self._unit(f"missed runs of {self.environment}", CHECK, _CHECK_LIMIT) + (
            f"ExecStart={self._command('check')}\n"
        )

    def _unit(self, what: str, job: str, limit: int) -> str:
        return f"""\
# Written by `clmdeploy schedule install`; `clmdeploy schedule remove` takes it away.
[Unit]
Description=clmdeploy: {what}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
User={USER}
Group={USER}
SyslogIdentifier=clm-schedule-{job}
Environment=HOME={HOME} XDG_STATE_HOME={HOME}/state XDG_CACHE_HOME={HOME}/cache {STATE}={HOME}
Environment=XDG_RUNTIME_DIR=/run/clm-schedule-{job} CLM_INVENTORIES={INVENTORIES} LC_ALL=C.UTF-8 {TOLD_BY}=unit
RuntimeDirectory=clm-schedule-{job}
RuntimeDirectoryMode=0700
ReadWritePaths={HOME}
TimeoutStartSec={limit}
TimeoutStopSec={_ENDING}
KillMode=mixed
Nice=5
{_SANDBOX}"""

    def _timer(self, job: Job) -> str:
        times = "".join(f"OnCalendar={at}\n" for at in job.at)
        # The same delay each time: only so can be told which run is missing. Nothing is caught up: a missed run is
        # reported, and a person decides.
        return f"""\
# Written by `clmdeploy schedule install`; `clmdeploy schedule remove` takes it away.
[Unit]
Description=clmdeploy: {job.name} of {self.environment}

[Timer]
{times}RandomizedDelaySec={self.schedule.random_delay}
FixedRandomDelay=yes
AccuracySec=1s
Persistent=false

[Install]
WantedBy=timers.target
"""

    def _check_timer(self) -> str:
        return f"""\
# Written by `clmdeploy schedule install`; `clmdeploy schedule remove` takes it away.
[Unit]
Description=clmdeploy: missed runs of {self.environment}

[Timer]
OnBootSec=2min
OnCalendar=*-*-* 08:00:00
AccuracySec=1s
Persistent=false

[Install]
WantedBy=timers.target
"""
