"""botocore's errors in the words of an administrator: which bucket, which key of clm.yml, what to do.

Answers of the server are never quoted beyond their code: they may repeat access keys and signed requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clmdeploy.changes.ports import Missing
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import ClmError, Conflict, InvalidInput, NoBucket, StoreRefused, StoreUnavailable
from clmdeploy.model.faults import printable

_REFUSED = {
    "InvalidAccessKeyId": (
        Bilingual("does not know the access key", "не знает ключ доступа"),
        Bilingual("check storage.access_key", "проверьте storage.access_key"),
    ),
    "SignatureDoesNotMatch": (
        Bilingual("refuses the secret key", "не принимает секретный ключ"),
        Bilingual(
            "check storage.secret_key, and that it belongs to the access key",
            "проверьте storage.secret_key и то, что он от этого ключа доступа",
        ),
    ),
    "AccessDenied": (
        Bilingual("refuses access", "отказывает в доступе"),
        Bilingual(
            "check storage.access_key and storage.secret_key, and the rights of their account on this bucket",
            "проверьте storage.access_key, storage.secret_key и права их учётной записи на этот бакет",
        ),
    ),
    "AuthorizationHeaderMalformed": (
        Bilingual("expects another region", "ожидает другой регион"),
        Bilingual("check storage.region", "проверьте storage.region"),
    ),
    "PermanentRedirect": (
        Bilingual("says that the bucket is elsewhere", "сообщает, что бакет в другом месте"),
        Bilingual("check storage.endpoint and storage.region", "проверьте storage.endpoint и storage.region"),
    ),
    "NotImplemented": (
        Bilingual("can't do what this needs", "не умеет того, что здесь нужно"),
        Bilingual(
            "`clmdeploy doctor` shows what the storage is able to do", "`clmdeploy doctor` покажет, что хранилище умеет"
        ),
    ),
}
_REFUSED["Forbidden"] = _REFUSED["403"] = _REFUSED["AccessDenied"]
_UNREACHED = {
    "SSLError": (
        Bilingual("its TLS certificate is not accepted", "сертификат TLS не принят"),
        Bilingual(
            "check storage.ca_file, and the name in storage.endpoint",
            "проверьте storage.ca_file и имя в storage.endpoint",
        ),
    ),
    "ConnectTimeoutError": (
        Bilingual("does not answer", "не отвечает"),
        Bilingual(
            "check storage.endpoint, and the way there (firewall, proxy)",
            "проверьте storage.endpoint и путь до него (межсетевой экран, прокси)",
        ),
    ),
    "EndpointConnectionError": (
        Bilingual("can't be reached", "недоступно"),
        Bilingual(
            "check storage.endpoint, and that the storage runs", "проверьте storage.endpoint и работает ли хранилище"
        ),
    ),
    "ReadTimeoutError": (
        Bilingual("took the request and did not answer in time", "приняло запрос и не ответило вовремя"),
        Bilingual("try again; see the storage's own state", "повторите; посмотрите состояние самого хранилища"),
    ),
    "ProxyConnectionError": (
        Bilingual("can't be reached through the proxy", "недоступно через прокси"),
        Bilingual("check HTTPS_PROXY and NO_PROXY", "проверьте HTTPS_PROXY и NO_PROXY"),
    ),
}


@dataclass(frozen=True)
class Place:
    """What a request was about. `setting`: key path in clm.yml of the bucket's name; `keys`: of what has its keys."""

    endpoint: str
    bucket: str
    setting: str
    keys: str = "storage"

    def told(self, cause: str) -> str:
        """What is wrong with it."""
        return Bilingual(
            f"storage {self.endpoint}, bucket {self.bucket}: {cause}",
            f"хранилище {self.endpoint}, бакет {self.bucket}: {russian(cause)}",
        )

    def advised(self, hint: str) -> str:
        """A hint that speaks of `storage`, with the key paths of this place."""
        return Bilingual(self._renamed(str(hint)), self._renamed(russian(hint)))

    def _renamed(self, words: str) -> str:
        section = self.setting.rpartition(".")[0]
        keyed = re.sub(r"\bstorage\.(?=access_key|secret_key)", f"{self.keys}.", words)
        return re.sub(r"(?<![.\w])storage\.(?=endpoint|region|ca_file)", f"{section}.", keyed)


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
            place.told(Bilingual("storage.endpoint is no address", "storage.endpoint — не адрес")),
            Bilingual("it is like https://s3.example.ru:8334", "он выглядит так: https://s3.example.ru:8334"),
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
        return NoBucket(
            place.told(Bilingual("there is no such bucket", "такого бакета нет")),
            Bilingual(f"create it, or correct {place.setting}", f"создайте его или исправьте {place.setting}"),
        )
    if code in ("NoSuchKey", "404"):
        return Missing(place.told(Bilingual(f"there is no object {key}", f"нет объекта {key}")))
    if code in ("PreconditionFailed", "412"):
        return Conflict(
            place.told(Bilingual(f"{key} was written by somebody else", f"{key} уже записан кем-то другим")),
            Bilingual("read it again", "прочитайте его заново"),
        )
    if code == "RequestTimeTooSkewed":
        return _of_skew(answer, place)
    cause, hint = _REFUSED.get(code) or _other_answer(printable(code, 60), status)
    kind = StoreUnavailable if status >= 500 or status in (408, 429) or not status else StoreRefused
    return kind(place.told(cause), place.advised(hint))


def _other_answer(code: str, status: int) -> tuple[str, str]:
    return (
        Bilingual(f"answers {code} (HTTP {status})", f"отвечает {code} (HTTP {status})"),
        Bilingual("see the storage's own log", "посмотрите журнал самого хранилища"),
    )


def _of_skew(answer: Any, place: Place) -> ClmError:  # Any: botocore's parsed response
    skew = clock_skew(answer)
    by = Bilingual("", "") if skew is None else Bilingual(f" by {abs(skew):.0f} s", f" на {abs(skew):.0f} с")
    return StoreRefused(
        place.told(Bilingual(f"the clocks here and there differ{by}", f"часы здесь и там расходятся{russian(by)}")),
        Bilingual("set the clock of this machine: timedatectl", "поправьте часы этой машины: timedatectl"),
    )


def _of_failure(error: Exception, place: Place) -> ClmError:
    kind = type(error).__name__
    if kind in ("ParamValidationError", "InvalidEndpointConfigurationError"):
        return InvalidInput(
            place.told(Bilingual("is not a name or address that S3 takes", "S3 не принимает такое имя или адрес")),
            Bilingual(f"correct {place.setting}", f"исправьте {place.setting}"),
        )
    cause, hint = _UNREACHED.get(kind) or _broken(kind)
    return StoreUnavailable(place.told(cause), place.advised(hint))


def _broken(kind: str) -> tuple[str, str]:
    return (
        Bilingual(f"the connection failed ({kind})", f"сбой соединения ({kind})"),
        Bilingual("check storage.endpoint, then try again", "проверьте storage.endpoint и повторите"),
    )
