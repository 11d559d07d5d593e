"""clm.yml's model: closed, described, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from clmdeploy.config.example import render
from clmdeploy.config.schema import entry_of, faults_of, section_of
from clmdeploy.config.settings import Environment, Rollout

SECTIONS = (
    (), ("install",), ("storage",), ("storage", "access_key"), ("trust",), ("balancer",), ("rollout",), ("notify",),
    ("notify", "mail"), ("backup",), ("backup", "storage"), ("backup", "storage", "archive"), ("backup", "schedule"),
    ("backup", "database"), ("backup", "files"), ("backup", "retention"),
)  # fmt: skip


def settings() -> dict[str, Any]:
    """The commented example with every optional line taken in."""
    content: dict[str, Any] = yaml.safe_load(re.sub(r"(?m)^( *)#(?=\w)", r"\1", render()))
    return content


def refusals(content: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Environment.model_validate(content)
    return {".".join(map(str, key)): cause for key, cause in faults_of(caught.value, Environment)}


def put(content: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *above, last = path.split(".")
    section = content
    for part in above:
        section = section[part]
    section[last] = value
    return content


@pytest.mark.parametrize("section", SECTIONS)
@given(key=st.from_regex(r"[a-z]{12,20}", fullmatch=True))
def test_unknown_keys_are_refused_at_any_depth(section: tuple[str, ...], key: str) -> None:
    """A key that nobody declared is refused with its whole path, wherever it stands."""
    path = ".".join((*section, key))
    assert refusals(put(settings(), path, 1))[path].startswith("unknown key")


def test_misspelt_keys_get_a_suggestion() -> None:
    """The nearest known key of the same section is named."""
    assert refusals(put(settings(), "rollout.canry", 2))["rollout.canry"] == "unknown key; did you mean 'canary'?"


@pytest.mark.parametrize(
    "key",
    [
        "storage.access_key",
        "storage.secret_key",
        "trust.signing_key",
        "notify.mail.password",
        "backup.storage.keys.secret_key",
        "backup.database.passphrase",
        "backup.files.passphrase",
    ],
)
def test_a_secret_never_stands_in_clm_yml(key: str) -> None:
    """A literal where a reference belongs is refused, and not repeated in the message."""
    cause = refusals(put(settings(), key, "hunter2-hunter2"))[key]
    assert cause.startswith("a secret never stands in clm.yml: ")
    assert "hunter2" not in cause


def test_a_fault_of_a_list_names_its_entry() -> None:
    """And says what the entry lacks, as everywhere else."""
    told = refusals(put(settings(), "backup.schedule.backup", [{"type": "full", "at": "daily"}, {"typ": "incr"}]))
    assert told["backup.schedule.backup.1.typ"] == "unknown key; did you mean 'type'?"
    assert told["backup.schedule.backup.1.at"].startswith("is missing: When, as systemd.time(7)")


def test_a_secret_has_one_place() -> None:
    """Two places at once, none, or a vault that is no ciphertext are refused."""
    for reference in ({"env": "A", "file": "b"}, {}, {"vault": "plain"}):
        assert refusals(put(settings(), "storage.secret_key", reference))


@pytest.mark.parametrize(
    ("path", "value", "cause"),
    [
        ("install.root", "/", "must be an absolute path"),
        ("install.root", "opt/clm", "must be an absolute path"),
        ("install.root", "/opt/../etc", "must be an absolute path"),
        ("install.root", "/opt/clm;reboot", "must be an absolute path"),
        ("install.root", "/opt/clm\n", "must be an absolute path"),
        ("install.user", "-root", "must be the name of a Unix account"),
        ("install.keep_releases", 1, "must be at least 2"),
        ("install.keep_releases", True, "must be a whole number"),
        ("storage.endpoint", "http://s3.example.com", "must be https"),
        ("storage.endpoint", "https://user:word@s3.example.com", "must hold scheme, host and port only"),
        ("storage.endpoint", "https://s3.example.com:99999", "is not an address"),
        ("storage.endpoint", "ftp://s3.example.com", "must be an address like"),
        ("storage.addressing", "dns", "must be 'path' or 'virtual'"),
        ("storage.state_bucket", "Clm_State", "must be a bucket name"),
        ("trust.known_hosts", "", "must be the path of a file"),
        ("balancer.backends", {}, "must have at least 1 entries"),
        ("balancer.drain_limit", 0, "must be at least 1"),
        ("rollout.batch", 0, "must be a number of hosts"),
        ("rollout.batch", "0%", "must be a number of hosts"),
        ("rollout.batch", "101%", "must be a number of hosts"),
        ("rollout.batch", True, "must be a number of hosts"),
        ("rollout.soak", 30.5, "must be a whole number"),
        ("rollout.soak", "30", "must be a whole number"),
        ("rollout.on_failure", "panic", "must be 'stop'"),
        ("time_zone", "Europe", "no such time zone"),
        ("time_zone", "../etc/passwd", "must be a name of the IANA"),
        ("uuid", "5F0C5A52-8F0E-4C55-9D8A-2F6A3C1F7B10", "must be written in its usual form"),
        ("uuid", "1", "must be a UUID"),
        ("name", "Production", "must be small letters"),
        ("format", "environment/2", "must be 'environment/1'"),
    ],
)
def test_refused_values(path: str, value: object, cause: str) -> None:
    """Each field says in a sentence what it takes."""
    assert refusals(put(settings(), path, value))[path].startswith(cause)


def test_plain_http_reaches_only_this_machine() -> None:
    """A loopback address may be http, for a storage server under test."""
    for endpoint in ("http://127.0.0.1:8333", "http://localhost:8333", "http://[::1]:8333"):
        loaded = Environment.model_validate(put(settings(), "storage.endpoint", endpoint))
        assert loaded.storage.endpoint == endpoint


@pytest.mark.parametrize(
    ("section", "changes", "cause"),
    [
        ("rollout", {"tolerate": 2}, "tolerate above 0 and on_failure: tolerate go together"),
        ("rollout", {"on_failure": "tolerate"}, "tolerate above 0 and on_failure: tolerate go together"),
        ("trust", {"principal": None}, "signing_key needs principal: say whose key it is"),
        ("storage", {"state_bucket": "clm-releases"}, "state_bucket and release_bucket must be two buckets"),
    ],
)
def test_contradictions(section: str, changes: dict[str, Any], cause: str) -> None:
    """Values that make no sense together are refused, not guessed at."""
    content = settings()
    content[section] |= changes
    assert refusals(content)[section] == cause


@pytest.mark.parametrize(
    ("batch", "total", "hosts"), [(2, 10, 2), ("25%", 10, 2), ("25%", 3, 1), ("100%", 7, 7), ("1%", 0, 1)]
)
def test_hosts_at_once(batch: int | str, total: int, hosts: int) -> None:
    """A share is rounded down, but a batch is never empty."""
    assert Rollout(batch=batch).hosts_at_once(total) == hosts


def every_field(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        if section := section_of(field) or entry_of(field):
            yield from every_field(section)


@pytest.mark.parametrize(("name", "field"), list(every_field(Environment)))
def test_every_field_is_documented(name: str, field: Any) -> None:
    """The schema is the documentation: each field has a meaning, and each plain one an example."""
    assert field.description, name
    assert field.description.endswith("."), name
    assert field.examples or section_of(field), name
