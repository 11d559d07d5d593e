"""What is left of an environment whose files have faults: enough to tell people of the faults."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.fields import TimeZone, UuidText
from clmdeploy.config.loading import locate
from clmdeploy.config.notify import Notify
from clmdeploy.config.settings import Environment, Trust
from clmdeploy.config.yaml_source import read

_PARTS: dict[str, TypeAdapter[Any]] = {  # Any: each has a type of its own
    "uuid": TypeAdapter(UuidText),
    "time_zone": TypeAdapter(TimeZone),
    "trust": TypeAdapter(Trust),
    "notify": TypeAdapter(Notify),
}


def remains(inventories: Path, name: str) -> LoadedEnvironment | None:
    """Name, zone, who signs, who is to be told; nothing else of it may be used: it has no hosts and no storage.

    None when not even `notify` can be read. Raises InvalidInput when there is no such environment.
    """
    directory = locate(inventories, name)
    content = read(directory / "clm.yml").content
    sound: dict[str, Any] = {"uuid": "unknown"}  # Any: the values of the parts
    for key, kind in _PARTS.items():
        if isinstance(content, dict) and key in content:
            with contextlib.suppress(ValidationError):
                sound[key] = kind.validate_python(content[key])
    if "notify" not in sound:
        return None
    return LoadedEnvironment(directory, Environment.model_construct(name=name, **sound), (), {})
