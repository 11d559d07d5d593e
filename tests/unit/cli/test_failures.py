"""What an administrator reads who is refused at night: verdict, message and hint in Russian; JSON in English."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.turns import Request
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ExitCode, StoreRefused
from tests.unit.cli.desk import Desk

OTHER = Who(principal="petrov@lab", user="u", host="control2")
DEPLOY = ("deploy", "1.1.0", "-e", "lab", "--yes")
CLAIM = {"change": "c9", "who": "petrov (root@ctl2)", "since": "now", "scope": "fleet", "token": 7, "ended": False}


@dataclass(frozen=True)
class Refusal:
    """What was done before, what is typed, and what is said then, in Russian and in English."""

    before: Callable[[Desk], object]
    words: tuple[str, ...]
    code: ExitCode
    ru: tuple[str, ...]
    en: tuple[str, ...]


def cut_off(desk: Desk) -> None:
    """A deploy whose control node is lost at app2's switch; the lease is free."""

    def vanish(act: Guarded) -> Outcome | None:
        if (act.act, act.guard, act.host.name) == ("switch", "run", "app2"):
            raise KeyboardInterrupt
        return None

    desk.hosts.after = vanish
    desk(*DEPLOY)
    desk.hosts.after = lambda _act: None


def owing(desk: Desk) -> None:
    """A deploy that failed on app3; app2 fell silent before it could be taken back."""

    def silent_later(act: Guarded) -> None:
        if (act.act, act.guard, act.host.name) == ("switch", "run", "app2"):
            desk.hosts.silent = {"app2"}

    desk.fail("switch", "app3")
    desk.hosts.after = silent_later
    desk(*DEPLOY)
    desk.hosts.before = desk.hosts.after = lambda _act: None
    desk.hosts.silent = set()


def claimed(desk: Desk) -> None:
    desk.hosts.host("app2").claim = dict(CLAIM)
    desk.hosts.host("app2").tokens["fleet"] = 7


def four_eyes(desk: Desk) -> None:
    desk.settings |= {"approvals": {"required": 1}}


REFUSALS = {
    "held": Refusal(
        lambda desk: desk.runtime().leases.acquire(Request("fleet", OTHER, "c1", "a deploy")),
        DEPLOY, ExitCode.LEASE_HELD,
        ("держит блокировку fleet с", "подождите с --lease-wait СЕКУНДЫ", "clmdeploy lease show -e lab"),
        ("holds the fleet lease since", "wait with --lease-wait SECONDS"),
    ),
    "held by hand": Refusal(
        lambda desk: desk.runtime().leases.hold(Request("fleet", OTHER, "", "disks are replaced")),
        DEPLOY, ExitCode.LEASE_HELD,
        ("держит блокировку fleet вручную", "disks are replaced", "блокировку снимает `clmdeploy lease release -e lab"),
        ("holds the fleet lease by hand", "disks are replaced", "it ends with `clmdeploy lease release -e lab"),
    ),
    "cut off": Refusal(
        cut_off, DEPLOY, ExitCode.UNKNOWN,
        ("не завершено: приостановлено, остановлено или прервано", "завершить его: `clmdeploy change resume"),
        ("stands open: it was paused, stopped or cut off", "run `clmdeploy change resume"),
    ),
    "owes an undo": Refusal(
        owing, DEPLOY, ExitCode.UNKNOWN,
        ("на app2 не выполнен откат изменения", "верните app2 в строй", "`clmdeploy change abort"),
        ("app2 still owes an undo of change", "bring app2 back"),
    ),
    "nothing to settle": Refusal(
        lambda _desk: None, ("change", "resume", "-e", "lab"), ExitCode.USAGE,
        ("в среде lab нет незавершённых изменений", "все изменения: `clmdeploy change list -e lab`"),
        ("no change is open in lab: there is nothing to resume or abort", "`clmdeploy change list -e lab` shows"),
    ),
    "storage in order": Refusal(
        lambda _desk: None, ("rollback", "-e", "lab", "--offline", "--reason", "x", "--yes"), ExitCode.USAGE,
        ("хранилище отвечает: обходиться без него незачем",), ("the storage answers",),
    ),
    "claimed by another node": Refusal(
        claimed, DEPLOY, ExitCode.FAILED_UNCHANGED,
        ("узел видел токен 7", "petrov (root@ctl2) работает здесь без хранилища", "исправьте это и повторите"),
        ("it has seen token 7", "petrov (root@ctl2) worked here without the storage", "mend this"),
    ),
    "no way back": Refusal(
        lambda _desk: None, ("rollback", "-e", "lab", "--yes"), ExitCode.FAILED_UNCHANGED,
        ("раньше не работал другой релиз", "--to ВЕРСИЯ"), ("has run another release before", "--to VERSION"),
    ),
    "approval missing": Refusal(
        four_eyes, DEPLOY, ExitCode.APPROVAL_MISSING,
        ("требует согласований от других: 1", "повторите команду с --propose"),
        ("needs 1 approvals by others", "give the same command with --propose"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_in_russian(desk: Desk, refusal: Refusal) -> None:
    """Every line of it has Russian words; commands, flags, names and the exit code are the same as in English."""
    refusal.before(desk)
    said = desk("--lang", "ru", *refusal.words)
    assert said.code == refusal.code, said.err
    assert [words for words in refusal.ru if words not in said.err] == []
    spoken = [line for line in said.err.splitlines() if not line.startswith("→ clmdeploy ")]  # a command alone
    assert [line for line in spoken if not re.search("[а-яё]", line, re.IGNORECASE)] == []


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_json_tells_it_in_english(desk: Desk, refusal: Refusal) -> None:
    """Whatever the language of the run: scripts and their logs know one."""
    refusal.before(desk)
    said = desk("--lang", "ru", *refusal.words, "--json")
    error = said.json["error"]
    assert [words for words in refusal.en if words not in f"{error['message']}\n{error['hint']}"] == []
    assert not re.search("[а-яё]", said.out, re.IGNORECASE)


def test_what_breaks_off_a_change_is_told_in_russian(desk: Desk) -> None:
    """Among the three lines as well: here the data lease that somebody holds by hand, and a host that owes an undo."""
    desk.publish("1.3.0", ((1, "expand", "[bin/schema, down]", "1.0.0"),), needs=1)
    desk.hosts.after = lambda act: hold_data(desk) if act.act == "stage" and act.guard == "run" else None
    said = desk("--lang", "ru", "deploy", "1.3.0", "-e", "lab", "--yes", "--no-restore-point", "x")
    assert said.code == ExitCode.PAUSED, said.err
    assert "держит блокировку data вручную" in said.err
    assert "holds" not in said.err
    told = desk("change", "show", "-e", "lab", "--json").out
    assert not re.search("[а-яё]", told, re.IGNORECASE)


def test_a_storage_that_refuses_from_now_on_is_told_in_russian(desk: Desk) -> None:
    """In the middle of a change: what happened, what runs where, and the command to type."""

    def no_more(*_what: object, **_more: object) -> None:
        raise StoreRefused(Bilingual("storage refuses access", "хранилище отказывает в доступе"))

    def refuses(act: Guarded) -> None:
        if act.act == "stage" and act.guard == "run":
            vars(desk.state).update(get=no_more, put=no_more, keys=no_more)

    desk.hosts.after = refuses
    said = desk("--lang", "ru", *DEPLOY)
    assert said.code == ExitCode.UNKNOWN
    cause = said.err.partition("Исход неизвестен.")[2].splitlines()[1:3]
    assert re.fullmatch(r"  хранилище замолчало посреди изменения \S+: хранилище отказывает в доступе", cause[0])
    assert re.match(r"  когда оно снова ответит: `clmdeploy change resume", cause[1])


def hold_data(desk: Desk) -> None:
    """Once."""
    leases = desk.runtime().leases
    standing = leases.read("data")
    if standing is None or not standing[0].held:
        leases.hold(Request("data", OTHER, "", "a copy is taken by hand"))


def test_an_unhealthy_service_is_told_in_russian(desk: Desk) -> None:
    """In the table of `status --probe`."""
    desk.hosts.manifests[desk.directories["1.0.0"]]["version"] = "0.9.9"
    facts = desk.hosts._facts_ask

    def other_version(host: object, act: Guarded) -> Outcome:
        answer = facts(host, act)  # type: ignore[arg-type]  # passed on as it came
        for service in answer.result.get("services", []):
            service["version"] = "0.8.0"
        return answer

    vars(desk.hosts)["_facts_ask"] = other_version
    shown = desk("--lang", "ru", "status", "-e", "lab", "--probe").out
    assert "web: отвечает версия 0.8.0" in re.sub(r"\s+", " ", shown)
