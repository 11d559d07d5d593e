"""`clmdeploy change propose | approve | withdraw`: four eyes before a deploy, and none before going back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.ports import Missing
from clmdeploy.model.errors import ExitCode
from tests.unit.cli.desk import Desk, DigestSigner, Said, Terminal


@pytest.fixture
def strict(desk: Desk) -> Desk:
    """A deploy needs one approval by somebody else."""
    desk.settings = {**desk.settings, "approvals": {"required": 1, "valid": 3600}}
    return desk


@pytest.fixture
def proposed(strict: Desk) -> str:
    """ID of a proposed deploy of 1.1.0."""
    said = strict("deploy", "1.1.0", "-e", "lab", "--propose", "--reason", "sprint 12", "--json")
    assert said.code == ExitCode.DONE
    return str(said.json["change"])


def approve(desk: Desk, change: str, *words: str, who: str = "second@lab") -> Said:
    """Somebody comes, approves, and leaves the desk to the administrator again."""
    desk.sit_down(who)
    said = desk("change", "approve", change, "-e", "lab", "--yes", *words)
    desk.sit_down("admin@lab")
    return said


def apply(desk: Desk, change: str, *words: str) -> Said:
    return desk("change", "apply", change, "-e", "lab", "--yes", *words)


def test_a_proposed_change_is_approved_and_applied(strict: Desk, proposed: str) -> None:
    """It runs under the ID that was proposed, for the reason that was given, and the journal tells who approved."""
    said = approve(strict, proposed, "--reason", "looked at it")
    assert (said.code, f"change apply {proposed} -e lab" in said.out) == (ExitCode.DONE, True)
    assert apply(strict, proposed).code == ExitCode.DONE
    assert set(strict.runs.values()) == {"1.1.0"}
    shown = strict("change", "show", proposed, "-e", "lab", "--json").json
    assert (shown["state"], shown["reason"]) == ("done", "sprint 12")
    (approval,) = shown["approvals"]
    assert approval["principal"] == "second@lab"
    assert strict.state.get(f"lab/changes/{proposed}/approvals/{approval['digest']}")
    assert "second@lab" in strict("change", "show", proposed, "-e", "lab").out
    assert strict("journal", "verify", "-e", "lab").code == ExitCode.DONE


def test_nothing_acts_without_approvals(strict: Desk, proposed: str) -> None:
    """Exit code 8, with what to type: for a deploy, a hotfix, a plan's file and a proposed change alike."""
    file = strict.place / "plan.json"
    assert strict("deploy", "1.1.0", "-e", "lab", "--plan-out", str(file)).code == ExitCode.DONE
    for words, told in [
        (("deploy", "1.1.0"), "--propose"), (("deploy", "1.1.0", "--hotfix", "urgent"), "--propose"),
        (("change", "apply", str(file)), f"change propose {file}"),
        (("change", "apply", proposed), f"change approve {proposed} -e lab"),
    ]:  # fmt: skip
        said = strict(*words, "-e", "lab", "--yes")
        assert (said.code, told in said.err) == (ExitCode.APPROVAL_MISSING, True), said.err
    assert strict.hosts.log == []
    assert strict.newest() == ""


def test_going_back_needs_nobody(strict: Desk, proposed: str) -> None:
    """Rollback, resume and abort are never held up."""
    approve(strict, proposed)
    strict.fail("switch", "app2")
    assert apply(strict, proposed).code == ExitCode.FAILED_UNCHANGED
    strict.hosts.before = lambda _act: None
    second = strict("deploy", "1.2.0", "-e", "lab", "--propose", "--on-failure", "stop", "--json").json["change"]
    approve(strict, second)
    strict.fail("switch", "app2")
    assert apply(strict, second).code == ExitCode.FAILED_PARTLY
    strict.hosts.before = lambda _act: None
    assert strict("change", "resume", "-e", "lab").code == ExitCode.DONE
    assert strict("rollback", "-e", "lab", "--yes").code == ExitCode.DONE
    assert set(strict.runs.values()) == {"1.0.0"}


def test_where_everything_runs_nothing_need_be_approved(strict: Desk) -> None:
    """A second deploy is nothing to do: exit code 0, proposed or not, and nothing is stored."""
    for words in [(), ("--propose",)]:
        assert "nothing to do" in strict("deploy", "1.0.0", "-e", "lab", "--yes", *words).out
    assert list(strict.state.keys("lab/changes/")) == []


@pytest.mark.parametrize("words", [("approve", "--yes"), ("withdraw",), ("apply", "--yes")])
def test_an_unknown_change_is_told(desk: Desk, words: tuple[str, ...]) -> None:
    """Exit code 2, and how to find the right one."""
    verb, *more = words
    said = desk(
        "change", verb, "20260101-000000000-deploy-abcd", "-e", "lab", *more, *(["--yes"] if verb == "approve" else [])
    )
    assert (said.code, "change list -e lab" in said.err) == (ExitCode.USAGE, True)


def test_nobody_approves_what_they_want(strict: Desk, proposed: str) -> None:
    """Neither who made the plan nor who proposed it: exit code 8, and nothing is stored."""
    assert approve(strict, proposed, who="admin@lab").code == ExitCode.APPROVAL_MISSING
    file = strict.place / "plan.json"
    strict("deploy", "1.2.0", "-e", "lab", "--plan-out", str(file))
    strict.sit_down("second@lab")
    other = strict("change", "propose", str(file), "-e", "lab", "--json").json["change"]
    for who in ("admin@lab", "second@lab"):
        assert approve(strict, other, who=who).code == ExitCode.APPROVAL_MISSING
    assert approve(strict, other, who="third@lab").code == ExitCode.DONE
    assert len([key for key in strict.state.keys("lab/changes/") if "/approvals/" in key]) == 1


def test_who_approves_is_told_by_their_key(strict: Desk, proposed: str) -> None:
    """Not by what the settings claim: they may be shared by all who keep their own key."""
    strict.signer = DigestSigner("second@lab")
    assert strict("change", "approve", proposed, "-e", "lab", "--yes").code == ExitCode.DONE
    strict.sit_down("second@lab")
    strict.signer = DigestSigner("admin@lab")
    assert strict("change", "approve", proposed, "-e", "lab", "--yes").code == ExitCode.APPROVAL_MISSING


def test_one_person_is_one_approval(strict: Desk) -> None:
    """Twice the same principal counts once; two of them are two."""
    strict.settings["approvals"]["required"] = 2
    change = strict("deploy", "1.2.0", "-e", "lab", "--propose", "--json").json["change"]
    for _ in range(2):
        assert "still missing: 1" in approve(strict, change).out
    said = apply(strict, change)
    assert (said.code, "1 of 2" in said.err, "second@lab" in said.err) == (ExitCode.APPROVAL_MISSING, True, True)
    approve(strict, change, who="third@lab")
    assert apply(strict, change).code == ExitCode.DONE


def test_an_approval_expires(strict: Desk, proposed: str) -> None:
    """It holds for as long as was said, and no longer than the settings allow. A new one can be given."""
    assert approve(strict, proposed, "--valid", "3601").code == ExitCode.USAGE
    approve(strict, proposed, "--valid", "60")
    strict.clock.looks += 60
    said = apply(strict, proposed)
    assert (said.code, "expired" in said.err) == (ExitCode.APPROVAL_MISSING, True)
    approve(strict, proposed)
    assert apply(strict, proposed).code == ExitCode.DONE


def test_an_approval_that_expires_while_the_lease_is_awaited_counts_no_more(strict: Desk, proposed: str) -> None:
    """The last look is when the lease is held, not when the command was typed."""
    approve(strict, proposed, "--valid", "60")

    def slow(_act: object) -> None:
        strict.clock.looks += 60

    strict.hosts.before = slow  # type: ignore[assignment]  # looks at hosts come between the two
    said = apply(strict, proposed)
    assert (said.code, "expired" in said.err) == (ExitCode.APPROVAL_MISSING, True)
    assert strict.newest() == ""
    assert strict.runtime().leases.read("fleet")[0].held is False  # type: ignore[index]  # it was taken


def test_a_change_begins_once(strict: Desk, proposed: str) -> None:
    """What has begun is neither approved, withdrawn nor applied again."""
    approve(strict, proposed)
    apply(strict, proposed)
    strict("rollback", "-e", "lab", "--yes")
    for said in (
        apply(strict, proposed), approve(strict, proposed), strict("change", "withdraw", proposed, "-e", "lab"),
    ):  # fmt: skip
        assert (said.code, "has begun already" in said.err) == (ExitCode.USAGE, True)
    assert strict("journal", "verify", "-e", "lab").code == ExitCode.DONE


@pytest.mark.parametrize("body", [b"rubbish", None])
def test_an_approval_that_was_edited_afterwards_is_found(strict: Desk, proposed: str, body: bytes | None) -> None:
    """The journal knows who approved by the digest: `journal verify` misses what was edited or taken away since."""
    approve(strict, proposed)
    apply(strict, proposed)
    (key,) = strict.state.keys(f"lab/changes/{proposed}/approvals/")
    if body is None:
        kept = {one: strict.state.get(one).body for one in strict.state.keys("") if one != key}
        strict.state = MemoryStore()
        for one, content in kept.items():
            strict.state.put(one, content)
    else:
        strict.state.put(key, body)
    said = strict("journal", "verify", "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True)


def test_a_withdrawn_change_is_over(strict: Desk, proposed: str) -> None:
    """It is listed no more, and refused with who withdrew it and why."""
    approve(strict, proposed)
    assert strict("change", "withdraw", proposed, "-e", "lab", "--reason", "not today").code == ExitCode.DONE
    for said in (apply(strict, proposed), approve(strict, proposed)):
        assert (said.code, "admin@lab: not today" in said.err) == (ExitCode.USAGE, True)
    assert strict("change", "list", "-e", "lab", "--json").json["proposed"] == []
    assert strict("change", "show", proposed, "-e", "lab", "--json").json["state"] == "withdrawn"
    assert strict.hosts.log == []


def test_what_waits_is_listed_and_shown(strict: Desk, proposed: str) -> None:
    """Who wants what and why, the plan, who approved, and the next command; in JSON too."""
    listed = strict("change", "list", "-e", "lab").out
    assert [words in listed for words in (proposed, "admin@lab", "0/1", "1.1.0")] == [True] * 4
    shown = strict("change", "show", proposed, "-e", "lab").out
    assert f"change approve {proposed} -e lab" in shown
    approve(strict, proposed, "--reason", "fine")
    shown = strict("change", "show", proposed, "-e", "lab").out
    told = ("proposed", "sprint 12", "batch-1", "second@lab", "fine", f"change apply {proposed} -e lab")
    assert [words in shown for words in told] == [True] * len(told)
    (one,) = strict("change", "list", "-e", "lab", "--json").json["proposed"]
    assert (one["id"], one["required"], one["approvals"][0]["standing"]) == (proposed, 1, "valid")
    assert one["who"]["principal"] == "admin@lab"


def test_a_proposal_is_no_piece_of_work(strict: Desk, proposed: str) -> None:
    """Status, journal, history and other work know nothing of it; also of a plan that a dead control node left."""
    strict.state.put("lab/changes/20260101-000000000-deploy-abcd/plan", b"rubbish")
    assert strict("journal", "verify", "-e", "lab").code == ExitCode.DONE
    assert strict("release", "history", "-e", "lab", "--json").json["installations"] == []
    assert strict("status", "-e", "lab", "--json").json["last_change"] is None
    assert strict("change", "resume", "-e", "lab").code == ExitCode.USAGE
    with pytest.raises(Missing):
        strict.state.get("lab/lease/fleet")
    assert [one["id"] for one in strict("change", "list", "-e", "lab", "--json").json["proposed"]] == [proposed]


def test_a_change_that_was_proposed_long_ago_is_listed_by_its_beginning(desk: Desk) -> None:
    """An ID tells when a change was proposed; the newest is the one that began last."""
    early = desk("deploy", "1.1.0", "-e", "lab", "--propose", "--json").json["change"]
    for _ in range(3):
        desk("deploy", "1.2.0", "-e", "lab", "--yes")
        desk("rollback", "-e", "lab", "--yes")
    assert apply(desk, early).code == ExitCode.DONE
    assert [one["id"] for one in desk("change", "list", "-e", "lab", "--last", "1", "--json").json["changes"]] == [
        early
    ]
    assert desk("rollback", "-e", "lab", "--yes").code == ExitCode.DONE
    assert desk("journal", "verify", "-e", "lab").code == ExitCode.DONE


def test_drift_refuses_what_was_approved(strict: Desk, proposed: str) -> None:
    """An approval is for a plan, and the plan for what was found: exit code 3, named. The approver is warned."""
    approve(strict, proposed)
    strict.settings = {**strict.settings, "rollout": {"canary": 0}}
    said = apply(strict, proposed)
    assert (said.code, "settings" in said.err) == (ExitCode.INVALID, True)
    assert "settings" in approve(strict, proposed).err


def test_a_lower_demand_at_home_changes_nothing(strict: Desk, proposed: str) -> None:
    """Whoever applies with other settings than the plan was made with is refused, also where those want no approval."""
    strict.settings["approvals"]["required"] = 0
    assert apply(strict, proposed).code == ExitCode.INVALID


@pytest.mark.parametrize(("answer", "code"), [("y\n", ExitCode.DONE), ("n\n", ExitCode.FAILED_UNCHANGED)])
def test_the_approver_is_shown_the_plan_and_asked(
    strict: Desk, proposed: str, answer: str, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same plan as --dry-run shows, then yes or no."""
    strict.sit_down("second@lab")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    said = strict("change", "approve", proposed, "-e", "lab")
    assert (said.code, "batch-1" in said.out, "Approve this plan?" in said.err) == (code, True, True)
    keys = list(strict.state.keys(f"lab/changes/{proposed}/approvals/"))
    assert len(keys) == (1 if code == ExitCode.DONE else 0)


def test_without_a_terminal_the_flag_is_named(strict: Desk, proposed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody approves by accident."""
    strict.sit_down("second@lab")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    said = strict("change", "approve", proposed, "-e", "lab")
    assert (said.code, "--yes" in said.err) == (ExitCode.USAGE, True)


def test_propose_and_write_are_two_things(desk: Desk, tmp_path: Path) -> None:
    """Both at once are refused before anybody is asked."""
    said = desk("deploy", "1.1.0", "-e", "lab", "--propose", "--plan-out", str(tmp_path / "plan"))
    assert (said.code, desk.hosts.asked) == (ExitCode.USAGE, 0)
