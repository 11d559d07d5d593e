"""botocore's errors in the words of an administrator: which bucket, which key of clm.yml, what to do.

Answers of the server are never quoted beyond their code: they may repeat access keys and signed requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clmdeploy.changes.ports import Missing
from clmdeploy.model.errors import ClmError, Conflict, InvalidInput, StoreRefused, StoreUnavailable
from clmdeploy.model.faults import printable

_REFUSED = {
    "InvalidAccessKeyId": ("does not know the access key", "check storage.access_key"),
    "SignatureDoesNotMatch": (
        "refuses the secret key",
        "check storage.secret_key, and that it belongs to the access key",
    ),
    "AccessDenied": (
        "refuses access",
        "check storage.access_key and storage.secret_key, and the rights of their account on this bucket",
    ),
    "AuthorizationHeaderMalformed": ("expects another region", "check storage.region"),
    "PermanentRedirect": ("says that the bucket is elsewhere", "check storage.endpoint and storage.region"),
    "NotImplemented": ("can't do what this needs", "`clmdeploy doctor` shows what the storage is able to do"),
}
_REFUSED["Forbidden"] = _REFUSED["403"] = _REFUSED["AccessDenied"]
_UNREACHED = {
    "SSLError": ("its TLS certificate is not accepted", "check storage.ca_file, and the name in storage.endpoint"),
    "ConnectTimeoutError": ("does not answer", "check storage.endpoint, and the way there (firewall, proxy)"),
    "EndpointConnectionError": ("can't be reached", "check storage.endpoint, and that the storage runs"),
    "ReadTimeoutError": ("took the request and did not answer in time", "try again; see the storage's own state"),
    "ProxyConnectionError": ("can't be reached through the proxy", "check HTTPS_PROXY and NO_PROXY"),
}


@dataclass(frozen=True)
class Place:
    """What a request was about; `setting` is the key path of the bucket's name in clm.yml."""

    endpoint: str
    bucket: str
    setting: str

    def __str__(self) -> str:
        return f"storage {self.endpoint}, bucket {self.bucket}"


@contextmanager
def translated(place: Place, key: str = "") -> Iterator[None]:
    """Turns whatever botocore raises inside into Missing, Conflict, InvalidInput or StoreUnavailable."""
    from botocore.exceptions import BotoCoreError, ClientError  # slow to import

    try:
        yield
    except ClientError as error:
        raise _of_answer(error.response, place, key) from error
    except BotoCoreError as error:
        raise _of_failure(error, place) from error
    except ValueError as error:  # botocore: "Invalid endpoint"
        raise InvalidInput(
            f"{place}: storage.endpoint is no address", "it is like https://s3.example.ru:8334"
        ) from error


def code_of(answer: Any) -> str:  # Any: botocore's parsed response
    """The S3 error code of a parsed answer, or the HTTP status where it has none."""
    return str(answer.get("Error", {}).get("Code") or status_of(answer))


def status_of(answer: Any) -> int:  # Any: botocore's parsed response
    """The HTTP status of a parsed answer; 0 when there was none."""
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def clock_skew(answer: Any) -> float | None:  # Any: botocore's parsed response
    """The storage's clock minus ours in seconds, by the Date of its answer."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() if date else None
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None


def _of_answer(answer: Any, place: Place, key: str) -> ClmError:  # Any: botocore's parsed response
    code, status = code_of(answer), status_of(answer)
    if code == "NoSuchBucket":
        return InvalidInput(f"{place}: there is no such bucket", f"create it, or correct {place.setting}")
    if code in ("NoSuchKey", "404"):
        return Missing(f"{place}: there is no object {key}")
    if code in ("PreconditionFailed", "412"):
        return Conflict(f"{place}: {key} was written by somebody else", "read it again")
    if code == "RequestTimeTooSkewed":
        return _of_skew(answer, place)
    cause, hint = _REFUSED.get(code, (f"answers {printable(code, 60)} (HTTP {status})", "see the storage's own log"))
    kind = StoreUnavailable if status >= 500 or status in (408, 429) or not status else StoreRefused
    return kind(f"{place}: {cause}", hint)


def _of_skew(answer: Any, place: Place) -> ClmError:  # Any: botocore's parsed response
    skew = clock_skew(answer)
    by = "" if skew is None else f" by {abs(skew):.0f} s"
    return StoreRefused(f"{place}: the clocks here and there differ{by}", "set the clock of this machine: timedatectl")


def _of_failure(error: Exception, place: Place) -> ClmError:
    kind = type(error).__name__
    if kind in ("ParamValidationError", "InvalidEndpointConfigurationError"):
        return InvalidInput(f"{place}: is not a name or address that S3 takes", f"correct {place.setting}")
    cause, hint = _UNREACHED.get(kind, (f"the connection failed ({kind})", "check storage.endpoint, then try again"))
    return StoreUnavailable(f"{place}: {cause}", hint)
