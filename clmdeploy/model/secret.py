"""Secrets are a type: whatever prints, logs or serialises one shows asterisks."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

REDACTED = "********"


class Secret:
    """A value that redacts itself in repr, str, format, JSON and YAML; `reveal()` is for adapters only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Only adapters call this, at the moment of use."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> Any:  # Any: pickle's own protocol type
        raise TypeError("a Secret is never pickled")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(str(value)),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def derived(secret: Secret, label: str) -> Secret:
    """64 hexadecimal digits: another secret for each label (HMAC-SHA256), from which the first can't be told."""
    return Secret(hmac.new(secret.reveal().encode(), label.encode(), hashlib.sha256).hexdigest())
