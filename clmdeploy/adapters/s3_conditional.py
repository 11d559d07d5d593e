"""Conditional writes, repeated with care: after a lost answer, a refusal may be the echo of one's own success."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clmdeploy.adapters.s3_errors import code_of, status_of
from clmdeploy.adapters.s3_steady import etag_of
from clmdeploy.changes.ports import Missing, Stored

_REFUSED = ("PreconditionFailed", "412", "NoSuchKey", "404")  # 404: If-Match on what does not exist


@dataclass
class ConditionalWriter:
    """Writes with a client that does not repeat requests itself (`client`), and reads by `read`."""

    client: Any  # Any: boto3 makes its clients at run time
    bucket: str
    read: Callable[[str], Stored]
    pauses: tuple[float, ...] = (0.2, 0.5, 1.0)  # seconds before each repetition
    bare_etags: bool = field(default=False)  # Ceph's gateway takes If-Match without the quotes only

    def create(self, key: str, body: bytes) -> str:
        """Write if there is no such object. Returns the etag; botocore's ClientError 412 when there is one."""
        return self._put(key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, etag: str) -> str:
        """Write if the object is the one with `etag`. Returns the new etag; botocore's ClientError when it isn't."""
        from botocore.exceptions import ClientError  # slow to import

        try:
            return self._put(key, body, {"IfMatch": self._spelled(etag)})
        except ClientError:
            if self.bare_etags or not self._still(key, etag):
                raise
            self.bare_etags = True
        return self._put(key, body, {"IfMatch": self._spelled(etag)})

    def _put(self, key: str, body: bytes, condition: Mapping[str, str]) -> str:
        from botocore import exceptions

        unheard = (exceptions.HTTPClientError, exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)
        answer_lost, pauses = False, iter(self.pauses)
        while True:
            try:
                answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)
                return self._etag(answer)  # without one: was it written?
            except exceptions.ClientError as error:
                if answer_lost and code_of(error.response) in _REFUSED and (own := self._own(key, body)):
                    return own
                if not _worth_repeating(error.response) or (pause := next(pauses, None)) is None:
                    raise
                answer_lost = answer_lost or status_of(error.response) >= 500
            except unheard:
                if (pause := next(pauses, None)) is None:
                    raise
                answer_lost = True
            time.sleep(pause)

    def _own(self, key: str, body: bytes) -> str | None:
        """The etag of what is there, if it is what we wrote: competing writers carry nonces, so equal means own."""
        try:
            stored = self.read(key)
        except Missing:
            return None
        return stored.etag if stored.body == body else None

    def _still(self, key: str, etag: str) -> bool:
        """Raises botocore's ConnectionClosedError when that answer is cut off: then nothing is known."""
        from botocore.exceptions import ClientError

        try:
            present = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError:
            return False
        return self._etag(present).strip('"') == etag.strip('"')

    def _etag(self, answer: Any) -> str:  # Any: botocore's parsed response
        return etag_of(answer, self.client.meta.endpoint_url)

    def _spelled(self, etag: str) -> str:
        return etag.strip('"') if self.bare_etags else etag


def _worth_repeating(answer: Any) -> bool:  # Any: botocore's parsed response
    # ConditionalRequestConflict: two conditional writes met; S3's documentation says to repeat.
    repeated = (429, 500, 502, 503, 504)
    return status_of(answer) in repeated or code_of(answer) in ("ConditionalRequestConflict", "SlowDown")
