"""How the demonstration says that something was not as promised."""

from __future__ import annotations

from clmdeploy.model.errors import ClmError, ExitCode


class DemoFailed(ClmError):
    """A step ended otherwise than it must. The lab stays up for whoever wants to look."""

    exit_code = ExitCode.UNEXPECTED


class PromiseBroken(ClmError):
    """What was measured, or found on the hosts, is not what this tool promises."""

    exit_code = ExitCode.VERIFICATION_FAILED
