"""The sample's own code, as far as it needs neither a database nor a host."""

import asyncio
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from clmdeploy.lab.sample import write_release

Importer = Callable[[str], ModuleType]


@pytest.fixture(params=["1.0.0", "2.0.0"])
def any_release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Importer]:
    """Imports modules of a release's package `clm`, and forgets them afterwards."""
    directory = write_release(request.param, tmp_path / "release")
    sys.path.insert(0, str(directory))
    yield importlib.import_module
    sys.path.remove(str(directory))
    for name in [name for name in sys.modules if name.partition(".")[0] == "clm"]:
        del sys.modules[name]


release = pytest.mark.parametrize("any_release", ["1.0.0"], indirect=True)
second_release = pytest.mark.parametrize("any_release", ["2.0.0"], indirect=True)


@release
def test_the_same_seed_gives_the_same_people(any_release: Importer) -> None:
    """Two labs have the same data, so that what is seen in one can be looked for in another."""
    people = any_release("clm.people").people
    assert list(people(500, 1)) == list(people(500, 1))
    assert list(people(500, 1)) != list(people(500, 2))


@release
def test_people_are_plausible(any_release: Importer) -> None:
    """Numbers are Russian mobile ones and all different, regions are the eight МРФ, everyone is an adult."""
    module = any_release("clm.people")
    everyone = list(module.people(5000, 7))
    assert [person.id for person in everyone] == list(range(1, 5001))
    assert len({person.msisdn for person in everyone}) == 5000
    assert all(len(person.msisdn) == 12 and person.msisdn.startswith("+79") for person in everyone)
    assert {person.region for person in everyone} == set(module.REGIONS)
    assert all(18 <= module.TODAY.year - person.birth_year <= 95 for person in everyone)
    assert all((p.given_name in module._WOMEN) == p.patronymic.endswith("на") for p in everyone)


@release
def test_the_same_seed_gives_the_same_history(any_release: Importer) -> None:
    """Campaigns, deliveries and responses follow from the people and the seed."""
    assert history_of(any_release, 1) == history_of(any_release, 1)
    assert history_of(any_release, 1) != history_of(any_release, 2)


@release
def test_a_seeded_worker_has_two_campaigns_to_send(any_release: Importer) -> None:
    """Some campaigns are sent, two are due at once, and the rest lies far ahead."""
    planned, _, _ = history_of(any_release, 1)
    waiting = [campaign for campaign in planned if campaign.status == "scheduled"]
    start = any_release("clm.history").START
    assert len(planned) == 24
    assert [(c.scheduled_at - start).days < 366 for c in waiting] == [True, True, False, False, False, False]


@release
def test_only_those_who_agreed_get_messages(any_release: Importer) -> None:
    """Nobody without consent to SMS is in a delivery or has answered one."""
    agreed = {person.id for person in any_release("clm.people").people(2000, 1) if person.consents[0]}
    _, deliveries, responses = history_of(any_release, 1)
    assert {subscriber for _, subscriber, _ in deliveries} <= agreed
    assert {subscriber for _, subscriber, *_ in responses} <= agreed
    assert responses


def history_of(importer: Importer, seed: int) -> tuple[list, list, list]:  # type: ignore[type-arg]
    history = importer("clm.history")
    planned = history.campaigns(list(history.members(list(importer("clm.people").people(2000, seed)))))
    return planned, list(history.deliveries(planned)), list(history.responses(planned, seed))


def test_a_row_has_a_value_for_each_column(any_release: Importer) -> None:
    """The generator writes what the release's own schema has."""
    rows = any_release("clm.rows")
    person = next(any_release("clm.people").people(1, 1))
    assert len(rows.subscriber_row(person)) == len(rows.SUBSCRIBER_COLUMNS.split(","))


def row(version: int, oldest: str = "1.0.0", dirty: bool = False) -> dict[str, object]:
    return {"version": version, "dirty": dirty, "oldest_compatible_app": oldest}


@release
def test_1_x_refuses_the_contracted_schema(any_release: Importer) -> None:
    """An old release is unhealthy as soon as the contraction has begun, and healthy beside mere expansions."""
    judge = any_release("clm.compatibility").judge
    assert not judge([row(1), row(2), row(4)]).fault
    assert "2.0.0 or later" in judge([row(1), row(4), row(5, "2.0.0")]).fault
    assert "2.0.0 or later" in judge([row(1), row(4), row(5, "2.0.0", dirty=True)]).fault


@second_release
def test_2_0_0_runs_before_and_after_the_contraction(any_release: Importer) -> None:
    """It needs the expansion, and doesn't mind whether the old column is gone."""
    judge = any_release("clm.compatibility").judge
    assert "too old" in judge([row(1), row(2)]).fault
    assert "too old" in judge([row(1), row(2), row(4, dirty=True)]).fault
    assert not judge([row(1), row(2), row(4)]).fault
    assert not judge([row(1), row(2), row(4), row(5, "2.0.0")]).fault


@release
@pytest.mark.parametrize("name", ["banner.png", "a", "2026-03_letter.html", "x" * 100])
def test_plain_file_names_are_safe(any_release: Importer, name: str) -> None:
    """Names that people give to content pass unchanged."""
    assert any_release("clm.content").safe_name(name) == name


@release
@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../x", "a\\b", "a\n", "a\0", "-rf", "имя", "x" * 101]
)
def test_names_that_could_leave_the_tree_are_refused(any_release: Importer, name: str) -> None:
    """No separator, no leading dot or dash, no control sign, nothing longer than a file name."""
    with pytest.raises(web.HTTPUnprocessableEntity):
        any_release("clm.content").safe_name(name)


@release
def test_content_is_stored_whole_or_not_at_all(
    any_release: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored file is read back; one too large is refused and leaves nothing behind, and the old one stands."""
    content = any_release("clm.content")
    monkeypatch.setattr(content, "LARGEST", 1000)

    async def exchange() -> list[tuple[int, bytes]]:
        app = web.Application()
        app[content.DIRECTORY] = tmp_path / "content"
        app.add_routes(content.routes)
        async with TestClient(TestServer(app)) as client:
            answers = [
                await client.put("/content/a.txt", data=b"new"),
                await client.put("/content/a.txt", data=b"x" * 1001),
                await client.get("/content/a.txt"),
                await client.get("/content/missing"),
                await client.get("/content/link"),
            ]
            return [(answer.status, await answer.read()) for answer in answers]

    (tmp_path / "content").mkdir()
    (tmp_path / "content/link").symlink_to("/etc/hostname")
    answers = asyncio.run(exchange())
    assert [status for status, _ in answers] == [201, 413, 200, 404, 404]
    assert answers[2][1] == b"new"
    assert {path.name for path in (tmp_path / "content").iterdir()} == {"a.txt", "link"}


@release
def test_settings_name_what_is_missing_and_keep_the_address_to_themselves(any_release: Importer) -> None:
    """A missing or meaningless variable is named; the database's address, which holds a password, is never shown."""
    module = any_release("clm.settings")
    with pytest.raises(module.SettingsError, match="CLM_DATABASE_URL"):
        module.Settings.from_environment({})
    with pytest.raises(module.SettingsError, match="CLM_WEB_PORT"):
        module.Settings.from_environment({"CLM_DATABASE_URL": "x", "CLM_WEB_PORT": "http"})
    settings = module.Settings.from_environment({"CLM_DATABASE_URL": "postgresql://clm:hush@db1/clm"})
    assert settings.web_port == 8080
    assert "hush" not in repr(settings)


@release
def test_rows_are_escaped_as_copy_reads_them(any_release: Importer) -> None:
    """Nothing in a value can end it or its row early, and nothing stands for a missing one."""
    blocks = any_release("clm.copy_text").blocks
    assert list(blocks([(1, None, "a\tb\nc\\d\re"), (2, True, "Игорь")])) == [
        (2, "1\t\\N\ta\\tb\\nc\\\\d\\re\n2\tTrue\tИгорь\n")
    ]
    assert [number for number, _ in blocks((n,) for n in range(4001))] == [2000, 2000, 1]
    assert list(blocks([])) == []


@release
def test_rows_are_compared_with_files(any_release: Importer, tmp_path: Path) -> None:
    """A file that is gone or has other bytes than the campaign was planned with is named; others count."""
    (tmp_path / "banner.png").write_bytes(b"new")
    (tmp_path / "film.mp4").write_bytes(b"film")
    digests = {word: hashlib.sha256(word.encode()).hexdigest() for word in ("old", "film")}
    messages = [
        ("a", f"see https://clm.example/content/banner.png#sha256={digests['old']}"),
        ("b", f"/content/film.mp4#sha256={digests['film']} and /content/gone.png#sha256={digests['film']}"),
        ("c", "nothing named"),
    ]
    found = any_release("clm.agreement").compare(messages, tmp_path)
    assert found["checked"] == 3
    assert [problem.split(": ")[:2] for problem in found["problems"]] == [
        ["campaign a", "banner.png"], ["campaign b", "gone.png"],
    ]  # fmt: skip
