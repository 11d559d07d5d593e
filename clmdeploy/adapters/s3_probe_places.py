"""How a bucket is named in requests, and what it keeps of what was overwritten or removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from clmdeploy.adapters.s3_client import make_client
from clmdeploy.adapters.s3_errors import code_of
from clmdeploy.adapters.s3_trial import Trial, refusal
from clmdeploy.model.storage import Addressing, Retention

_DAYS_A_YEAR = 365
_NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration")
_OTHER: dict[Addressing, Addressing] = {"path": "virtual", "virtual": "path"}
_PATIENCE = 3  # seconds: a name that leads nowhere must not hold up the rest


def addressing(trial: Trial) -> tuple[Addressing, ...]:
    """The way that is set, which has just worked, and the other where it leads to the same object."""
    own = trial.connection.addressing
    return (own, _OTHER[own]) if _reaches(trial, _OTHER[own]) else (own,)


def _reaches(trial: Trial, other: Addressing) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError  # slow to import

    if _is_number(trial.connection.endpoint):  # boto3 puts no bucket before a number
        return False
    connection = replace(trial.connection, addressing=other, connect_timeout=_PATIENCE, read_timeout=_PATIENCE)
    try:
        make_client(connection, 1).head_object(Bucket=trial.bucket, Key=trial.key)
    except (BotoCoreError, ClientError):
        return False
    return True


def _is_number(endpoint: str) -> bool:
    try:
        ip_address(urlsplit(endpoint).hostname or "")
    except ValueError:
        return False
    return True


def versioning(trial: Trial) -> Literal["on", "suspended", "off"] | None:
    """Whether overwritten and removed objects stay as older versions."""
    answer = _answer(lambda: trial.client.get_bucket_versioning(Bucket=trial.bucket))
    if answer is None:
        return None
    return {"Enabled": "on", "Suspended": "suspended"}.get(answer.get("Status", ""), "off")  # type: ignore[return-value]  # of a mapping's values


def lock(trial: Trial) -> tuple[bool | None, Retention | None]:
    """Whether the bucket has object lock, and for how long it locks new objects by itself."""
    from botocore.exceptions import ClientError

    try:
        answer = trial.client.get_object_lock_configuration(Bucket=trial.bucket)
    except ClientError as error:
        return (False if code_of(error.response) in _NO_LOCK else None), None
    configuration = answer.get("ObjectLockConfiguration", {})
    return configuration.get("ObjectLockEnabled") == "Enabled", _retention(configuration)


def _retention(configuration: Any) -> Retention | None:  # Any: botocore's parsed response
    rule = configuration.get("Rule", {}).get("DefaultRetention", {})
    days = rule.get("Days") or rule.get("Years", 0) * _DAYS_A_YEAR
    mode = str(rule.get("Mode", "")).lower()
    if not days or mode not in ("governance", "compliance"):
        return None
    return Retention.model_validate({"mode": mode, "days": days})


def _answer(ask: Callable[[], Any]) -> Any | None:  # Any: botocore's parsed response
    said: list[Any] = []
    return None if refusal(lambda: said.append(ask())) else said[0]
