"""What an administrator puts on application and worker hosts before the first release: the environment file."""

from __future__ import annotations

from clmdeploy.lab.disk import DiskDirectory, DiskEntry, DiskFile
from clmdeploy.lab.facts import INSTALL_ROOT, LabFacts
from clmdeploy.lab.spec import HostSpec


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    """The directories are root's; `clmdeploy host setup` makes everything else."""
    return (
        DiskDirectory(INSTALL_ROOT),
        DiskDirectory(f"{INSTALL_ROOT}/shared"),
        DiskFile(f"{INSTALL_ROOT}/shared/clm.env", environment_file(facts, host), 0o600),
    )


def environment_file(facts: LabFacts, host: HostSpec) -> str:
    """KEY=VALUE lines; what the lab has no host for is left out."""
    values = {
        "CLM_HOST": host.name,
        "CLM_GROUP": host.group,
        "CLM_DATABASE_URL": facts.database_url,
        "DATABASE_URL": facts.database_url,  # the name that tools of other makers look for
        "CLM_CONTENT_URL": facts.content_url,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items() if value)
