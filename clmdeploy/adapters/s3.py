"""One bucket of an S3-compatible storage, by boto3."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from clmdeploy.adapters.s3_client import RETRIES, S3Connection, make_client
from clmdeploy.adapters.s3_conditional import ConditionalWriter
from clmdeploy.adapters.s3_errors import Place, translated
from clmdeploy.adapters.s3_profile import probe
from clmdeploy.adapters.s3_steady import etag_of, refuse_cut, refuse_cut_listing, steadily
from clmdeploy.adapters.s3_trial import Trial, may_delete
from clmdeploy.changes.ports import MEBIBYTE, Missing, Oversized, Stored
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import Conflict, InvalidInput
from clmdeploy.model.secret import Secret
from clmdeploy.model.storage import StorageProfile

_PART = 16 * MEBIBYTE
_PARALLEL = 4  # parts in flight: with _PART this bounds memory


@dataclass(frozen=True)
class S3Store:
    """An ObjectStore. `setting` and `keys_setting` are key paths in clm.yml of the bucket's name and its keys.

    `conditional_writes` is what the probe found: where it is False, conditions are not even sent.
    """

    connection: S3Connection
    bucket: str
    setting: str = "storage.state_bucket"
    conditional_writes: bool = True
    keys_setting: str = "storage"

    def get(self, key: str, limit: int = 16 * MEBIBYTE) -> Stored:
        with translated(self._place, key):
            stored = steadily(lambda: self._read(key, limit + 1))
        if len(stored.body) > limit:
            raise Oversized(
                self._place.told(Bilingual(f"{key} is larger than {limit} bytes", f"{key} больше {limit} байт")),
                Bilingual("it was not written by this tool", "его записала не эта программа"),
            )
        return stored

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        try:
            with translated(self._place, key):
                if only_if_absent and self.conditional_writes:
                    return self._conditional.create(key, body)
                if only_if_etag is not None and self.conditional_writes:
                    return self._conditional.replace(key, body, only_if_etag)
                return self._etag(self._client.put_object(Bucket=self.bucket, Key=key, Body=body))
        except Missing as error:  # If-Match on what does not exist
            raise Conflict(
                self._place.told(Bilingual(f"{key} does not exist any more", f"{key} больше не существует")),
                Bilingual("read again what is there", "прочитайте заново, что там есть"),
            ) from error

    def upload(self, key: str, path: Path) -> None:
        from boto3.s3.transfer import TransferConfig  # slow to import

        parts = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_PARALLEL)
        with _local(path), path.open("rb") as file, translated(self._place, key):
            self._client.upload_fileobj(file, self.bucket, key, Config=parts)

    def download(self, key: str, path: Path) -> None:
        with _local(path), tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                with translated(self._place, key):
                    steadily(lambda: self._stream(key, file))
                file.flush()
                os.replace(file.name, path)
            finally:
                Path(file.name).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        with translated(self._place, prefix):
            found = steadily(lambda: self._listed(prefix))
        return iter(sorted(found))  # not every server sorts by code points

    def presign(self, key: str, seconds: int) -> Secret:
        with translated(self._place, key):
            parameters = {"Bucket": self.bucket, "Key": key}
            return Secret(self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))

    def adapted(self, profile: StorageProfile) -> S3Store:
        """This store, using what the storage understands and nothing that it doesn't."""
        understood = profile.trailers and profile.checksums == "verified"
        connection = replace(
            self.connection, checksums="when_supported" if understood else "when_required",
            content_md5=profile.content_md5 == "needed",
        )  # fmt: skip
        return replace(self, connection=connection, conditional_writes=profile.conditional_writes)

    def probe_profile(self, prefix: str = "") -> StorageProfile:
        """Try out what the bucket can do, on an object below `PREFIX/clmdeploy-probe/` that is removed again.

        Raises StoreUnavailable or InvalidInput as every method does.
        """
        with translated(self._place):
            writer = ConditionalWriter(self._once, self.bucket, self.get, self._conditional.pauses)
            return probe(Trial(self.connection, self.bucket, self._once, writer, prefix))

    def may_delete(self, prefix: str) -> bool:
        """Whether these keys may remove objects below `prefix`: tried on one that does not exist.

        Raises StoreUnavailable or InvalidInput.
        """
        with translated(self._place):
            return may_delete(self._once, self.bucket, prefix)

    def _read(self, key: str, most: int) -> Stored:
        answer = self._client.get_object(Bucket=self.bucket, Key=key)
        with answer["Body"] as stream:
            body = stream.read(most)
        if len(body) < most:
            refuse_cut(answer, len(body))
        return Stored(body, self._etag(answer), answer.get("LastModified"))

    def _etag(self, answer: Any) -> str:  # Any: botocore's parsed response
        return etag_of(answer, self.connection.endpoint)

    def _stream(self, key: str, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        answer = self._client.get_object(Bucket=self.bucket, Key=key)
        for chunk in answer["Body"].iter_chunks(MEBIBYTE):
            file.write(chunk)
        refuse_cut(answer, file.tell())

    def _listed(self, prefix: str) -> list[str]:
        pages = list(self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))
        for page in pages:
            refuse_cut_listing(page)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    @cached_property
    def _client(self) -> Any:  # Any: boto3 makes its clients at run time
        with translated(self._place):
            return make_client(self.connection, RETRIES)

    @cached_property
    def _once(self) -> Any:  # Any: boto3 makes its clients at run time
        with translated(self._place):
            return make_client(self.connection, 1)

    @cached_property
    def _conditional(self) -> ConditionalWriter:
        return ConditionalWriter(self._once, self.bucket, self.get)

    @cached_property
    def _place(self) -> Place:
        return Place(self.connection.endpoint, self.bucket, self.setting, self.keys_setting)


@contextmanager
def _local(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            Bilingual(
                f"{path}: can't be read or written: {error.strerror}",
                f"{path}: ни прочесть, ни записать: {error.strerror}",
            ),
            Bilingual("check room and rights there", "проверьте там свободное место и права"),
        ) from error
