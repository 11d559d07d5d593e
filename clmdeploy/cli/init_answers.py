"""What `init` needs to know: from its flags, else from the person at the terminal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.questions import Questions
from clmdeploy.config.creation import GENERATED_KEY
from clmdeploy.config.faults import dotted
from clmdeploy.config.files import read_text
from clmdeploy.config.scaffold import NewEnvironment, of_home, parse_host
from clmdeploy.config.schema import faults_of
from clmdeploy.config.signing_keys import public_key_of
from clmdeploy.model.errors import UsageError

_LIMIT = 1024 * 1024
_ASKED = {
    "application": "clm",
    "ssh_user": "root",
    "endpoint": None,
    "state_bucket": "clm-state",
    "release_bucket": "clm-releases",
}
_TAKEN_AS_GIVEN = ("region", "addressing", "ca_file", "access_key_env", "secret_key_env", "balancer_socket")


def gather(name: str, given: Mapping[str, Any], invocation: Invocation) -> tuple[NewEnvironment, str, str]:
    """The environment to lay out, the signers to take over, and the signing key's public half ("" if made later).

    Raises UsageError that names every flag which is missing or wrong.
    """
    questions = Questions(invocation)
    values = {key: given[key] for key in _TAKEN_AS_GIVEN} | {"name": name, "uuid": str(uuid.uuid4())}
    values["hosts"] = _hosts(questions.each(given["hosts"], "--host", "init.host", check=parse_host))
    for key, default in _ASKED.items():
        flag = f"--{key.replace('_', '-')}"
        values[key] = questions.text(given[key], flag, f"init.{key}", default=default, check=partial(_check, key))
    values["ssh_key"] = of_home(given["ssh_key"], str(Path.home())) if given["ssh_key"] else None
    values["balancer_backends"] = _backends(values["hosts"], given["backends"], questions)
    values |= _signer(given, questions)
    questions.all_answered()
    new = _checked(values)
    signers = read_text(Path(given["allowed_signers"]), _LIMIT) if given["allowed_signers"] else ""
    return new, signers, _public_key(new)


def _hosts(texts: tuple[str, ...]) -> tuple[Any, ...]:  # Any: the import of Host would add nothing
    try:
        return tuple(parse_host(text) for text in texts)
    except ValueError as error:
        raise UsageError(f"--host: {error}") from error


def _backends(hosts: tuple[Any, ...], given: tuple[str, ...], questions: Questions) -> dict[str, str]:
    """A balancer without backends would drain nothing, so a host in the group lb asks for them."""
    texts = given
    if not given and any("lb" in host.groups for host in hosts):
        texts = questions.each(given, "--balancer-backend", "init.balancer_backend", check=_backend)
    try:
        return dict(_backend(text) for text in texts)
    except ValueError as error:
        raise UsageError(f"--balancer-backend: {error}") from error


def _backend(text: str) -> tuple[str, str]:
    group, _, backend = text.partition("=")
    if not group or not backend:
        raise ValueError(f"{text[:80]!r} is not GROUP=BACKEND, like app=clm_web")
    return group, backend


def _signer(given: Mapping[str, Any], questions: Questions) -> dict[str, str | None]:
    """Who signs with what. Taking over signers is enough for an environment that is only read."""
    if given["signing_key"] and given["generate_signing_key"]:
        raise UsageError("--signing-key and --generate-signing-key exclude each other", "give one of them")
    key = GENERATED_KEY if given["generate_signing_key"] else given["signing_key"]
    if key is None and given["allowed_signers"]:
        return {"principal": given["principal"], "signing_key": None}
    principal = questions.text(given["principal"], "--principal", "init.principal", check=partial(_check, "principal"))
    if key is None:
        flags = "--signing-key or --generate-signing-key (or --allowed-signers)"
        answer = questions.text(None, flags, "init.signing_key", default="new" if questions.terminal else None)
        key = GENERATED_KEY if answer == "new" else str(Path(answer).expanduser().absolute())
    return {"principal": principal, "signing_key": of_home(key, str(Path.home()))}


def _check(field: str, answer: str) -> None:
    """Raises ValueError when `answer` can't stand in this field of a new environment."""
    try:
        NewEnvironment.model_validate({field: answer})
    except ValidationError as error:
        for key, cause in faults_of(error, NewEnvironment):
            if key == (field,):
                raise ValueError(cause) from error


def _checked(values: dict[str, Any]) -> NewEnvironment:
    try:
        return NewEnvironment.model_validate(values)
    except ValidationError as error:
        lines = []
        for key, cause in faults_of(error, NewEnvironment):
            flag = "NAME" if key[0] == "name" else f"--{str(key[0]).replace('_', '-').removesuffix('s')}"
            lines.append(f"{flag}{dotted(('', *key[1:])) if key[1:] else ''}: {cause}")
        raise UsageError("\n".join(lines)) from error


def _public_key(new: NewEnvironment) -> str:
    if new.signing_key in (None, GENERATED_KEY):
        return ""
    return public_key_of(Path(str(new.signing_key)).expanduser())
