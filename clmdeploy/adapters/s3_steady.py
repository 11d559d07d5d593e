"""Reads that are repeated while a storage stutters.

botocore repeats requests, but neither those answered with 429 nor those whose answer breaks off after its status line:
a cut head has no Content-Length, and what is left of the body then looks whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from clmdeploy.adapters.s3_errors import status_of

Read = TypeVar("Read")
PAUSES = (0.2, 0.5, 1.0)  # seconds before each repetition


def steadily(read: Callable[[], Read], pauses: tuple[float, ...] = PAUSES) -> Read:
    """What `read` gives, tried again while the answer is 429 or breaks off. Raises botocore's errors."""
    from botocore import exceptions  # slow to import
    from botocore.parsers import ResponseParserError

    broken_off = (exceptions.IncompleteReadError, exceptions.ResponseStreamingError)
    for pause in (*pauses, None):
        try:
            return read()
        except ResponseParserError as error:
            if pause is None:
                raise exceptions.ResponseStreamingError(error=error) from error
        except broken_off:
            if pause is None:
                raise
        except exceptions.ClientError as error:
            if pause is None or status_of(error.response) != 429:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def refuse_cut(answer: Any, received: int) -> None:  # Any: botocore's parsed response
    """Raises botocore's IncompleteReadError unless all of the answer's head and body has come."""
    from botocore.exceptions import IncompleteReadError

    promised = answer.get("ContentLength")
    chunked = "transfer-encoding" in answer["ResponseMetadata"]["HTTPHeaders"]
    if "ETag" not in answer or (received < promised if promised is not None else not chunked):
        raise IncompleteReadError(actual_bytes=received, expected_bytes=promised)


def refuse_cut_listing(page: Any) -> None:  # Any: botocore's parsed response
    """Raises botocore's IncompleteReadError for a page that says nothing: an empty bucket would be believed."""
    from botocore.exceptions import IncompleteReadError

    if "IsTruncated" not in page and "Name" not in page:
        raise IncompleteReadError(actual_bytes=0, expected_bytes=1)


def etag_of(answer: Any, endpoint: str) -> str:  # Any: as above
    """Raises botocore's ConnectionClosedError for an answer whose head has none: cut off, or not of a storage."""
    from botocore.exceptions import ConnectionClosedError

    if "ETag" not in answer:
        raise ConnectionClosedError(endpoint_url=endpoint)
    return str(answer["ETag"])
