"""What `doctor` finds: one value a check, each with its verdict, cause and remedy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clmdeploy.model.value import Value

Verdict = Literal["ok", "warn", "fail"]
Area = Literal["control node", "storage", "host", "balancer"]
_ORDER: tuple[Verdict, ...] = ("ok", "warn", "fail")


class Check(Value):
    """One thing that must be true before work, and whether it is."""

    area: Area
    subject: str = Field(description="host or bucket; empty for the control node")
    name: str = Field(description="what was checked, in a word or two")
    verdict: Verdict
    finding: str = Field(description="what is so; for warn and fail the cause")
    remedy: str = ""


class HostLook(Value):
    """A host as its SSH user sees it, whether or not it was ever set up."""

    reachable: bool
    cause: str = Field("", description="why it could not be asked")
    remedy: str = ""
    skew: float = Field(0.0, description="its clock minus ours in seconds, to about half the time of one question")
    python: tuple[int, int, int] = (0, 0, 0)
    os: str = ""
    systemd: bool = False
    may_become_root: bool = False
    may_run_guard: bool = False
    guard: str | None = Field(None, description="SHA-256 of the installed guard")
    places: dict[str, tuple[int, int | None]] = Field({}, description="directory → free bytes and inodes")


class ControlNode(Value):
    """The machine that runs this program: what its work needs there."""

    python: str
    ansible: str | None = Field(
        None, description="version of ansible-core; None: no ansible-playbook beside this Python"
    )
    openssh: str | None = Field(None, description="what `ssh -V` says; None: not installed")
    ssh_keygen: bool = False
    run_directory: str = Field("", description="where throwaway directories of playbooks are made")
    in_memory: bool = Field(False, description="whether that is on tmpfs")


def worst(checks: tuple[Check, ...]) -> Verdict:
    """The verdict over all."""
    return max((check.verdict for check in checks), key=_ORDER.index, default="ok")
