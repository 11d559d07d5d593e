"""lab.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.network import Network
from clmdeploy.lab.record import LabRecord, parse_record
from clmdeploy.lab.spec import LabSpec

SOURCE = Path("/state/lab/lab.json")
RECORD = LabRecord(
    LabSpec(name="t1", apps=20, bare=20), 255, "uuid", "/images/1", {"store": "/layers/1", "backup": "/layers/2"}
)


def test_what_is_written_is_what_is_read() -> None:
    """A record survives its way through lab.json."""
    assert parse_record(RECORD.dump(), SOURCE) == RECORD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "lab/2"}',
        RECORD.dump().replace('"index"', '"idx"'),
        RECORD.dump().replace("t1", ".."),
    ],
)
def test_a_damaged_file_is_named(text: str) -> None:
    """What is no lab.json is refused with the file's name, not with a traceback."""
    with pytest.raises(LabError, match=r"/state/lab/lab\.json"):
        parse_record(text, SOURCE)


def test_interface_names_fit_into_the_kernels_fifteen_characters() -> None:
    """Even in the last subnet, bridge and cables have names that the kernel takes."""
    names = [RECORD.tag, *(Network(RECORD).link(host) for host in RECORD.spec.hosts)]
    assert max(map(len, names)) <= 15


def test_only_store_and_backup_host_carry_a_program_of_their_own() -> None:
    """The layer with a group's program lies over the image on the hosts of that group, and on no other."""
    over = {host.name: RECORD.layers(host)[0] for host in RECORD.spec.hosts if len(RECORD.layers(host)) == 2}
    assert over == {"store1": Path("/layers/1"), "backup1": Path("/layers/2")}


def test_hints_name_the_lab_unless_it_is_the_default() -> None:
    """A hint can be typed as it stands."""
    assert RECORD.command("fault start app1") == "clmdeploy lab fault start app1 --name t1"
    assert LabRecord(LabSpec(), 0, "", "", {}).command("down") == "clmdeploy lab down"
