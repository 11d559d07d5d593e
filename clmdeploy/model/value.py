"""The base of every stored or planned value: immutable, closed, canonical."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, ValidatorFunctionWrapHandler, WrapValidator

from clmdeploy.model.bilingual import Bilingual

JsonValue = Any  # Any: JSON is recursive and every reader validates what it takes from it


class Value(BaseModel):
    """An immutable value. Unknown keys are refused, so that a typing error is never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_told(value: object, validate: ValidatorFunctionWrapHandler) -> str:
    """Pydantic would make plain text of it, in English."""
    return value if isinstance(value, Bilingual) else str(validate(value))


Text = Annotated[str, WrapValidator(_as_told)]
"""For people: keeps both languages for as long as it stays in this process; stored, it is the English one"""


def canonical_json(value: JsonValue) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8: the same value always gives the same bytes."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: JsonValue) -> str:
    """The name of a value: SHA-256 of its canonical JSON, 64 lower-case hexadecimal digits."""
    return sha256_hex(canonical_json(value))
