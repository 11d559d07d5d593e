"""The manifest: what makers declare, read from release.yml, carried verbatim into release.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clmdeploy.model.errors import InvalidInput
from clmdeploy.releases.manifest import BundleEntry, FileEntry, Manifest, Release
from clmdeploy.releases.record import from_bytes, to_bytes
from clmdeploy.releases.source import parse_manifest

GOLDEN = Path(__file__).with_name("golden")
DIGEST = "0" * 64

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
PROSE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), include_characters="\n\t"))
PATH_CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\")
PATH_PARTS = st.text(PATH_CHARACTERS, min_size=1, max_size=20).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PATH_PARTS, min_size=1, max_size=3).map("/".join)
ARGUMENTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
COMMANDS = st.lists(ARGUMENTS, max_size=3).map(lambda more: ["bin/hook", *more])
URLS = st.from_regex(r"http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[!-~]{0,20})?", fullmatch=True)
HEALTH = st.fixed_dictionaries({"http": URLS}, optional={"status": st.integers(100, 599)}) | st.fixed_dictionaries(
    {"command": COMMANDS}, optional={"timeout": st.integers(1, 3600)}
)
COMPONENTS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "group": NAMES},
        optional={"user": NAMES, "health": st.lists(HEALTH, max_size=2), "before_stop": COMMANDS, "version_url": URLS},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda component: component["name"],
)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    numbers = sorted(draw(st.sets(st.integers(1, 1000), max_size=4)))
    needs = draw(st.integers(0, 1000))
    return {
        "needs": needs,
        "group": draw(NAMES),
        "version_command": draw(COMMANDS),
        "migrations": [
            {
                "version": number,
                "kind": "contract" if number > needs else draw(st.sampled_from(["expand", "contract"])),
                "apply": draw(COMMANDS),
                "revert": draw(COMMANDS | st.just("irreversible")),
                "oldest_compatible_app": draw(st.sampled_from(["0.1.0", "1.0.0-rc.1", "1.0.0"])),
            }
            for number in numbers
        ],
    }


MANIFESTS = st.fixed_dictionaries(
    {
        "format": st.just("release/1"),
        "name": NAMES,
        "version": st.sampled_from(["1.0.0", "1.10.0", "2.0.0-rc.1"]),
        "components": COMPONENTS,
    },
    optional={
        "shared": st.lists(
            st.fixed_dictionaries({"path": PATHS, "owner": NAMES}),
            max_size=2,
            unique_by=lambda shared: shared["path"].split("/")[0],
        ),
        "environment_files": st.lists(PATHS, max_size=2),
        "schema": schemas(),
        "requires": st.fixed_dictionaries({}, optional={"disk": st.integers(0, 2**50), "os": st.just(["debian-13"])}),
        "notes": st.fixed_dictionaries({}, optional={"ru": PROSE, "en": PROSE}),
        "documents": st.lists(PATHS, max_size=2),
    },
)
MINIMAL = {"format": "release/1", "name": "clm", "version": "1.2.0", "components": [{"name": "web", "group": "app"}]}


def _parsed(document: object) -> Manifest:
    return parse_manifest(yaml.safe_dump(document, allow_unicode=True), "app/release.yml")


def _release(manifest: Manifest) -> Release:
    return Release(manifest=manifest, bundle=BundleEntry(sha256=DIGEST, size=1, unpacked=0), files=())


class Quoting(yaml.SafeDumper):
    """Every text in quotes: PyYAML writes some bare that a manifest's reader takes for numbers, such as 0E0."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@given(MANIFESTS)
@settings(max_examples=60)
def test_any_manifest_round_trips(document: dict[str, Any]) -> None:
    """From YAML to release.json and back nothing is lost, and the same manifest has one spelling."""
    text = yaml.dump(document, Dumper=Quoting, allow_unicode=True)
    manifest = parse_manifest(text, "app/release.yml")
    spelled = to_bytes(_release(manifest))
    assert from_bytes(spelled, "release.json") == _release(manifest)
    assert to_bytes(from_bytes(spelled, "release.json")) == spelled
    declared = json.loads(spelled)["manifest"]
    assert {key: declared[key] for key in ("name", "version")} == {key: document[key] for key in ("name", "version")}
    assert declared["notes"] == {"ru": "", "en": ""} | document.get("notes", {})


def _parsed_or_refused(document: object) -> Manifest | None:
    try:
        return _parsed(document)
    except InvalidInput as error:
        lines = error.message.split("\n")
    assert all(line.startswith("app/release.yml: ") and line.isprintable() for line in lines)
    return None


@given(
    MANIFESTS,
    st.text(max_size=40) | st.sampled_from(["{{ 1 + 1 }}", "{% raw %}", "\x1b[2J", "$(id)", "`id`", "a\nb", "\0"]),
)
@settings(max_examples=100)
def test_any_text_in_a_free_field_is_refused_or_carried_verbatim(document: dict[str, Any], text: str) -> None:
    """Expressions, control characters, shell text: no field interprets, trims or changes what it takes."""
    documents = {
        "notes.ru": document | {"notes": {"ru": text}},
        "documents.0": document | {"documents": [text]},
        "components.0.name": document | {"components": [{"name": text, "group": "app"}]},
        "components.0.before_stop.1": document
        | {"components": [{"name": "web", "group": "app", "before_stop": ["bin/x", text]}]},
        "components.0.health.0.http": document
        | {"components": [{"name": "web", "group": "app", "health": [{"http": f"http://localhost/{text}"}]}]},
        "shared.0.path": document | {"shared": [{"path": text, "owner": "worker"}]},
    }
    for key, changed in documents.items():
        manifest = _parsed_or_refused(changed)
        if manifest is None:
            continue
        value: Any = json.loads(to_bytes(_release(manifest)))["manifest"]
        for part in key.split("."):
            value = value[int(part) if part.isdigit() else part]
        assert value in (text, f"http://localhost/{text}")


@pytest.mark.parametrize("text", ["{{ 1 + 1 }}", "$(id)", "`id`; rm -rf /", "%(x)s", "a\nb", "…"])
def test_arguments_of_hooks_may_hold_anything(text: str) -> None:
    """A hook is an argument vector: what would be an expression or shell text elsewhere is an argument here."""
    component = {"name": "web", "group": "app", "after_start": ["bin/x", text]}
    assert _parsed(MINIMAL | {"components": [component]}).components[0].after_start == ("bin/x", text)


def _component(**changes: Any) -> dict[str, Any]:
    return {"name": "web", "group": "app"} | changes


def _web(**changes: Any) -> dict[str, Any]:
    return {"components": [_component(**changes)]}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"version": 1.10}, "version: a version is text in quotes, not float"),
        ({"version": 1}, "version: a version is text in quotes, not int"),
        ({"version": "1.2"}, "version: '1.2' is not a version"),
        ({"format": "release/2"}, "format: Input should be 'release/1', not 'release/2'"),
        ({"name": "CLM"}, "name: 'CLM' must be 1 to 40 small letters"),
        ({"name": "clm\n"}, "name: 'clm\\n' must be"),
        ({"helth": []}, "helth: this key is unknown"),
        ({"components": []}, "components: Tuple should have at least 1 item"),
        ({"components": [{"name": "web"}]}, "components.0.group: this key is missing"),
        ({"components": [{"name": "web", "group": "a"}] * 2}, "components: two components named web"),
        ({"components": [_component(name=name, units=["x.service"]) for name in ("a", "b")]},
         "components: two components have the unit x.service"),
        (_web(units=["../x.service"]), "components.0.units.0: '../x.service' must be"),
        (_web(health=[{}]), "exactly one of 'http' and 'command'"),
        (_web(health=[{"http": "http://169.254.169.254/"}]), "on the host itself"),
        (_web(health=[{"http": "http://localhost/", "status": "200"}]),
         "components.0.health.0.status: Input should be a valid integer, not '200'"),
        (_web(before_stop=[]), "components.0.before_stop: Tuple should have at least 1"),
        (_web(before_stop="bin/x"), "components.0.before_stop: Input should be a valid"),
        (_web(before_stop=["../x"]), "leads out of the release"),
        (_web(before_stop=["bin/x", "a\0"]), "an argument without NUL"),
        ({"documents": ["/etc/passwd"]}, "documents.0: '/etc/passwd' must be a relative path"),
        ({"documents": ["docs/../../x"]}, "documents.0: 'docs/../../x' must be a relative path"),
        ({"documents": ["docs\\x"]}, "backslash or a control character"),
        ({"documents": ["я" * 128]}, "more than 255 bytes"),
        ({"notes": {"ru": "\x1b]0;"}}, "notes.ru: text for people holds no control characters"),
        ({"shared": [{"path": "a", "owner": "w"}] * 2}, "shared: declared twice: a of w"),
        ({"shared": [{"path": "a", "owner": "w"}, {"path": "a/b/c", "owner": "x"}]},
         "shared: a/b/c lies inside the shared tree a"),
        ({"shared": [{"path": "a", "owner": "w"}], "environment_files": ["shared/a/clm.env"]},
         "environment_files: shared/a/clm.env lies inside the shared tree a"),
        ({"requires": {"disk": -1}}, "requires.disk: Input should be greater than or equal to 0, not -1"),
        ({"requires": {"memory": 10**30}}, "requires.memory"),
    ],
)  # fmt: skip
def test_names_the_key_and_the_cause(change: dict[str, Any], fault: str) -> None:
    """Each absurd manifest is refused with file, key path and cause."""
    with pytest.raises(InvalidInput) as caught:
        _parsed(MINIMAL | change)
    assert fault in caught.value.message
    assert all(line.startswith("app/release.yml: ") for line in caught.value.message.split("\n"))
    assert "release.yml" in caught.value.hint


def _schema(**changes: Any) -> dict[str, Any]:
    migration = {"version": 2, "kind": "expand", "apply": ["m"], "revert": ["m"], "oldest_compatible_app": "1.0.0"}
    migrations = [migration | change for change in changes.pop("migrations", [{}])]
    return {"schema": {"needs": 2, "group": "db", "version_command": ["m"], "migrations": migrations} | changes}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_schema(migrations=[{}, {}]), "rising order"),
        (_schema(migrations=[{"version": 3}, {"version": 2}], needs=3), "rising order"),
        (_schema(needs=1), "raise 'needs'"),
        (_schema(migrations=[{"revert": "never"}]), "schema.migrations.0.revert"),
        (_schema(migrations=[{"version": True}]), "schema.migrations.0.version: Input should be a valid integer"),
        (_schema(migrations=[{"oldest_compatible_app": "1.3.0"}]), "newer than this release (1.2.0)"),
    ],
)
def test_refuses_schemas_that_no_order_of_work_serves(change: dict[str, Any], fault: str) -> None:
    """Migrations out of order, expanding ones that would never run, and ones that shut out their own release."""
    with pytest.raises(InvalidInput) as caught:
        _parsed(MINIMAL | change)
    assert fault in caught.value.message


def test_all_faults_at_once() -> None:
    """One reading tells everything that is to be corrected."""
    with pytest.raises(InvalidInput) as caught:
        _parsed(
            {"format": "release/1", "version": 1.1, "components": [{"name": "B", "group": "ok"}, {"name": "c"}], "x": 1}
        )
    keys = [line.split(": ")[1] for line in caught.value.message.split("\n")]
    assert keys == ["name", "version", "components.0.name", "components.1.group", "x"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"path": "a", "mode": 420, "size": 1}, "needs sha256"),
        ({"path": "a", "mode": 420, "size": 1, "sha256": DIGEST, "target": "b"}, "no target"),
        ({"path": "a", "kind": "link", "mode": 420, "size": 0}, "needs a target"),
        ({"path": "a", "kind": "link", "mode": 420, "size": 1, "target": "b"}, "size 0"),
        ({"path": "a", "kind": "link", "mode": 420, "size": 0, "target": "/etc/passwd"}, "leads out"),
        ({"path": "a/b", "kind": "link", "mode": 420, "size": 0, "target": "../../x"}, "leads out"),
        ({"path": "a/b", "kind": "link", "mode": 420, "size": 0, "target": "c/../../../x"}, "leads out"),
        ({"path": "a/b", "kind": "link", "mode": 420, "size": 0, "target": "../c/.."}, "leads out"),
        ({"path": "../a", "mode": 420, "size": 1, "sha256": DIGEST}, "relative path"),
        ({"path": "a", "mode": 0o4755, "size": 1, "sha256": DIGEST}, "less than or equal to 511"),
    ],
)
def test_refuses_entries_that_no_host_should_unpack(entry: dict[str, Any], fault: str) -> None:
    """Traversal, links that lead out, set-uid modes and half-described entries are refused when read."""
    with pytest.raises(ValidationError, match=fault):
        FileEntry.model_validate(entry)


@pytest.mark.parametrize("target", ["b", "../b", "./b", "..", "../c/b", "d/e"])
def test_takes_links_that_stay_inside(target: str) -> None:
    """Relative links within the release are an everyday thing."""
    assert FileEntry(path="a/x", kind="link", mode=0o644, size=0, target=target).target == target


def _entry(path: str, size: int = 0) -> FileEntry:
    return FileEntry(path=path, mode=0o644, size=size, sha256=DIGEST)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ((_entry("b"), _entry("a")), "rising order"),
        ((_entry("a"), _entry("a")), "rising order"),
        ((_entry("a"), _entry("a-b"), _entry("a/b")), "stands below a"),
        ((FileEntry(path="a", kind="link", mode=0o644, size=0, target="b"), _entry("a/b/c")), "stands below a"),
        ((_entry("a", 5),), "sum of the sizes"),
    ],
)
def test_refuses_lists_of_files_that_contradict_themselves(files: tuple[FileEntry, ...], fault: str) -> None:
    """A path twice, a file below a link or a file, sizes that don't add up."""
    with pytest.raises(ValidationError, match=fault):
        Release(manifest=_parsed(MINIMAL), bundle=BundleEntry(sha256=DIGEST, size=1, unpacked=0), files=files)


def test_reads_what_was_published_before() -> None:
    """release.json of format release/1 stays readable, and is spelled today as it was then."""
    document = (GOLDEN / "release-1.json").read_bytes()
    release = from_bytes(document, "release-1.json")
    assert to_bytes(release) == document
    assert release.directory == "1.2.0-3f79bb7b"
    assert release.manifest.data_schema
    assert release.manifest.data_schema.migrations[0].revert == "irreversible"


def test_news_of_the_format_leave_older_releases_as_they_were() -> None:
    """Fields that came later are left out where they say nothing: a signature is over one spelling."""
    component = {"name": "web", "group": "app"}
    told = {"format": "release/1", "name": "clm", "version": "1.0.0", "components": [component]}
    dumped = Manifest.model_validate(told).model_dump(mode="json")
    assert "consistency" not in dumped
    assert "sends" not in dumped["components"][0]
    hook = {"group": "worker", "command": ["bin/compare"]}
    marked = told | {"components": [component | {"sends": True}], "consistency": hook}
    dumped = Manifest.model_validate(marked).model_dump(mode="json")
    assert dumped["consistency"] == hook | {"timeout": 600}
    assert dumped["components"][0]["sends"] is True
    assert Manifest.model_validate(dumped) == Manifest.model_validate(marked)


@pytest.mark.parametrize(
    ("components", "senders"),
    [
        ([{"name": "web", "group": "app"}, {"name": "jobs", "group": "worker"}], ("jobs",)),
        ([{"name": "web", "group": "app", "sends": True}, {"name": "jobs", "group": "worker"}], ("web",)),
        ([{"name": "web", "group": "app"}], ()),
    ],
)
def test_who_sends_is_said_or_is_the_worker(components: list[dict[str, Any]], senders: tuple[str, ...]) -> None:
    """A release from before the field existed must not send twice either."""
    told = {"format": "release/1", "name": "clm", "version": "1.0.0", "components": components}
    assert Manifest.model_validate(told).senders == senders
