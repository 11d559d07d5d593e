"""How small and how many the parts of one object may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from clmdeploy.adapters.s3_trial import Trial, refusal
from clmdeploy.changes.ports import MEBIBYTE

_SMALL = b"x" * 1024
_S3_SMALLEST = 5 * MEBIBYTE  # S3's own rule, which nobody exceeds
_COUNTS = (10_000, 1_000)  # S3's own limit, and that of poorer storages


def part_limits(trial: Trial) -> tuple[int | None, int | None]:
    """Smallest part in bytes, and the most parts as far as was tried. Nothing of the uploads stays.

    Each in an upload of its own: some storages take parts in their order only.
    """
    with _upload(trial) as place:
        smallest = _smallest(trial, place) if place else None
    with _upload(trial) as place:
        most = _most(trial, place) if place else None
    return smallest, most


@contextmanager
def _upload(trial: Trial) -> Iterator[dict[str, str]]:
    """Where parts go; empty where the storage has no such uploads."""
    place = {"Bucket": trial.bucket, "Key": trial.key}
    if refusal(lambda: place.update(UploadId=trial.client.create_multipart_upload(**place)["UploadId"])):
        yield {}
        return
    try:
        yield place
    finally:
        refusal(lambda: trial.client.abort_multipart_upload(**place))  # refused when it was completed


def _part(trial: Trial, place: dict[str, str], number: int) -> dict[str, Any]:  # Any: a number and an etag
    answer = trial.client.upload_part(**place, PartNumber=number, Body=_SMALL)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _smallest(trial: Trial, place: dict[str, str]) -> int | None:
    parts: list[dict[str, Any]] = []  # Any: as above
    if refusal(lambda: parts.extend(_part(trial, place, number) for number in (1, 2))):
        return None
    refused = refusal(lambda: trial.client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}))
    return len(_SMALL) if refused is None else _S3_SMALLEST if refused == "EntityTooSmall" else None


def _most(trial: Trial, place: dict[str, str]) -> int | None:
    return next((count for count in _COUNTS if not refusal(partial(_part, trial, place, count))), None)
