"""Whether the keys of scheduled jobs are there, and may do what they must: asked before anything is installed."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.config.allowed_signers import AllowedSigner, parse
from clmdeploy.config.backup import ScheduleKeys
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.files import read_text
from clmdeploy.config.scheduled_inventory import schedule_of
from clmdeploy.config.signing_keys import public_key_of
from clmdeploy.model.bilingual import Bilingual, joined, lines
from clmdeploy.model.errors import InvalidInput, UsageError
from clmdeploy.model.signing import Namespace

NEEDED = (Namespace.PLAN, Namespace.JOURNAL, Namespace.POINT)
_LARGEST = 1024 * 1024


def refuse_unfit_keys(environment: LoadedEnvironment) -> None:
    """Raises UsageError when clm.yml names no keys, InvalidInput with all that is wrong with those it names."""
    keys = schedule_of(environment).keys
    where = f"{environment.directory / 'clm.yml'}: backup.schedule.keys"
    if keys is None:
        raise UsageError(
            Bilingual(
                f"{where}: is missing: scheduled jobs need keys of their own: principal, signing_key, ssh_key, "
                "access_key, secret_key",
                f"{where}: раздела нет: заданиям нужны собственные ключи: principal, signing_key, ssh_key, access_key, "
                "secret_key",
            ),
            Bilingual("docs/schedule.md shows how to make them", "как их сделать, сказано в docs/schedule.md"),
        )
    faults = list(_faults(environment, keys))
    if faults:
        raise InvalidInput(
            lines(joined(".", (str(where), fault)) for fault in faults),
            Bilingual("docs/schedule.md shows how to make them", "как их сделать, сказано в docs/schedule.md"),
        )


def _faults(environment: LoadedEnvironment, keys: ScheduleKeys) -> Iterator[Bilingual]:
    if keys.principal == environment.settings.trust.principal:
        yield Bilingual(
            "principal: is that of `trust`: jobs sign as somebody of their own, or nobody could tell who acted",
            "principal: тот же, что в `trust`: задания подписывают от своего имени, иначе не узнать, кто действовал",
        )
    path = keys.signing_key.path(environment.directory)
    if path is None:
        return  # kept in a vault or a variable: the trial at the end of the installation tells
    signers = parse(read_text(environment.allowed_signers, _LARGEST))[0]
    known = [one for one in signers if keys.principal in one.principals and _is_of(one, public_key_of(path))]
    lacking = [space.value for space in NEEDED if not any(one.may_sign(space) for one in known)]
    if lacking:
        told = ",".join(lacking)
        yield Bilingual(
            f"signing_key: allowed_signers lets it not sign {told} as {keys.principal}",
            f"signing_key: по allowed_signers ей нельзя подписывать {told} как {keys.principal}",
        )


def _is_of(signer: AllowedSigner, public_key: str) -> bool:
    return f"{signer.kind} {signer.encoded}" == public_key
