"""What is left of an environment with faults: enough to tell somebody, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.config.remains import remains
from clmdeploy.model.errors import InvalidInput

NOTIFY = "notify:\n  mail: {host: mail.example.com, sender: clm@example.com, to: [duty@example.com]}\n"
SOUND = "format: environment/1\nname: lab\nuuid: 5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10\ntime_zone: Asia/Omsk\n"


def laid_out(place: Path, text: str) -> Path:
    (place / "lab").mkdir()
    (place / "lab" / "clm.yml").write_text(text)
    return place


def test_people_can_be_told_of_faults_elsewhere(tmp_path: Path) -> None:
    """A key that nobody knows, storage that is missing: whom to tell, and in which zone, still stands."""
    left = remains(laid_out(tmp_path, SOUND + "colour: blue\n" + NOTIFY), "lab")
    assert left is not None
    assert left.settings.notify is not None
    assert left.settings.notify.mail is not None
    assert left.settings.notify.mail.to == ("duty@example.com",)
    assert (left.name, left.settings.time_zone, left.hosts) == ("lab", "Asia/Omsk", ())
    assert left.settings.uuid.startswith("5f0c5a52")


def test_each_part_stands_for_itself(tmp_path: Path) -> None:
    """A broken zone does not cost the recipients."""
    left = remains(laid_out(tmp_path, "uuid: 7\ntime_zone: Mars/Olympus\ntrust: {known_hosts: 7}\n" + NOTIFY), "lab")
    assert left is not None
    assert (left.settings.time_zone, left.settings.uuid) == ("Europe/Moscow", "unknown")


@pytest.mark.parametrize("text", ["", "- a list\n", "notify: {mail: {}}\n", SOUND, "a: b: c\n", "\x00"])
def test_where_nobody_can_be_told_nothing_is_left(tmp_path: Path, text: str) -> None:
    """No section, a broken one, no YAML at all."""
    assert remains(laid_out(tmp_path, text), "lab") is None


def test_an_environment_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(InvalidInput, match="no environment 'nowhere'"):
        remains(laid_out(tmp_path, SOUND), "nowhere")
