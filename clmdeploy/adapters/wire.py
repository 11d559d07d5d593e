"""The guard's wire format: requests as JSON on standard input, replies as JSON on standard output."""

from __future__ import annotations

import json

from pydantic import ValidationError

from clmdeploy.adapters.program import acts_program_text
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.redaction import redact_text

GUARD = "/usr/local/lib/clmdeploy/guard"
SETUP_HINT = Bilingual(
    "the guard is not installed here: run `clmdeploy host setup`",
    "агент здесь не установлен: выполните `clmdeploy host setup`",
)


def guard_command(user: str, verb: str) -> list[str]:
    """Argument vector; other users than root need exactly one sudo rule, for the guard."""
    return [GUARD, verb] if user == "root" else ["sudo", "-n", GUARD, verb]


def request_text(act: Guarded) -> str:
    """The request. Secrets are revealed here, at the moment of use, and travel on standard input only."""
    return json.dumps(
        {
            "environment": act.environment,
            "host": act.host.name,
            "scope": act.fence.scope,
            "token": act.fence.token,
            "claim": act.claim.model_dump(mode="json", exclude={"scope", "token"}) if act.claim else None,
            "unit": act.unit,
            "timeout": act.timeout,
            "program": acts_program_text() if act.guard in ("run", "ask") else "",
            "call": {
                "act": act.act,
                "verb": act.verb,
                "arguments": act.arguments,
                "before": act.before,
                "secrets": {name: secret.reveal() for name, secret in act.secrets.items()},
            },
        }
    )


def read_reply(code: int, stdout: bytes, stderr: bytes) -> Outcome:
    """What the guard said, or why it could not say anything.

    The message goes into the journal, which nobody can edit, and into mail. The host took out of it what it knows to be
    secret; what only looks so goes here.
    """
    outcome = _reply(code, stdout, stderr)
    message = Bilingual(redact_text(outcome.message), redact_text(russian(outcome.message)))
    return outcome.model_copy(update={"message": message})


def _reply(code: int, stdout: bytes, stderr: bytes) -> Outcome:
    try:
        return _in_both_languages(Outcome.model_validate_json(stdout))
    except ValidationError:
        said = (stderr or stdout).decode(errors="replace").strip()[-500:]
    if code in (126, 127) or "command not found" in said or "No such file" in said:
        return Outcome(status="refused", message=SETUP_HINT, acted=False)
    if "sudo:" in said:
        message = Bilingual(
            f"the SSH user may not run the guard: {said}", f"пользователю SSH нельзя запускать агента: {said}"
        )
        return Outcome(status="refused", message=message, acted=False)
    message = Bilingual(
        f"the guard gave no reply (exit code {code}): {said}", f"агент не ответил (код завершения {code}): {said}"
    )
    return Outcome(status="unknown", message=message)


def _in_both_languages(outcome: Outcome) -> Outcome:
    """The refusal that people meet at night: the host listens to somebody else. The guard itself speaks English."""
    match outcome.result.get("stale"):
        case {"token": token, "newest": newest, "claim": {"who": who, "since": since, "change": change}}:
            by = f"{who} работает здесь без хранилища с {since} (изменение {change})"
        case {"token": token, "newest": newest}:
            by = "работу перехватило другое изменение"
        case _:
            return outcome
    told = Bilingual(outcome.message, f"токен {token} устарел: этот узел уже видел {newest}; {by}")
    return outcome.model_copy(update={"message": told})
