"""The state bucket as its owner sees it: read and emptied past clmdeploy and past the proxy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clmdeploy.lab import Lab


@dataclass(frozen=True)
class StateBucket:
    """Keys are without the environment's name."""

    lab: Lab

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Everything below a prefix."""
        names = self.keys(prefix)
        with ThreadPoolExecutor(4) as threads:
            return dict(zip(names, threads.map(self.read, names), strict=True))

    def keys(self, prefix: str = "") -> list[str]:
        """In the order of code points."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=f"lab/{prefix}")
        return sorted(str(entry["Key"]).removeprefix("lab/") for page in pages for entry in page.get("Contents", ()))

    def read(self, key: str) -> bytes:
        """The bytes of one object."""
        body: bytes = self._client.get_object(Bucket=self._name, Key=f"lab/{key}")["Body"].read()
        return body

    def events(self) -> list[dict[str, Any]]:
        """The events of the newest change, in order."""
        keys = [key for key in self.keys("changes/") if "/events/" in key]
        newest = max((key.split("/")[1] for key in keys), default="")
        return [json.loads(self.read(key)) for key in keys if key.split("/")[1] == newest]

    def changes(self) -> list[str]:
        """IDs of all changes that have begun, oldest first."""
        return sorted({key.split("/")[1] for key in self.keys("changes/") if "/events/" in key})

    def forget(self, *prefixes: str) -> None:
        """Remove everything below the prefixes."""
        for key in (key for prefix in prefixes for key in self.keys(prefix)):
            self._client.delete_object(Bucket=self._name, Key=f"lab/{key}")

    @cached_property
    def _client(self) -> Any:  # Any: boto3 makes its clients at run time
        return self.lab.storage.client()

    @property
    def _name(self) -> str:
        return self.lab.storage.state_bucket
