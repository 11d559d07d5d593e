"""Dumps in the storage: listed, removed and carried by rclone on the backup host."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.pgdump_works import DumpCarry, DumpExpiry, DumpListing
from clmdeploy.backups.work import WorkFailed

STORE = {
    "endpoint": "https://s3.example.ru", "region": "r", "path_style": True, "authority": "/ca.pem",
    "place": "clm-backups/restic",
}  # fmt: skip
ONE, TWO = "20261123-010203000-b7fc01", "20261124-010203000-b7fc01"
ASKED: dict[str, Any] = {"store": STORE, "repository": "db1"}


def test_each_folder_that_is_a_points_is_a_dump() -> None:
    """Its name is the point's ID, so what a killed run left is known too; other folders are nobody's."""
    found = DumpListing().read(ASKED, [Completed(0, f"{ONE}/\nother/\n{TWO}/\n".encode())])
    assert [(one["holding"]["name"], one["point"]) for one in found["listed"]] == [(ONE, ONE), (TWO, TWO)]


def test_a_host_that_never_dumped_has_none() -> None:
    """rclone calls that a failure; any other one is."""
    assert DumpListing().read(ASKED, [Completed(3, b"", b"ERROR : error listing: directory not found")]) == {
        "listed": []
    }
    with pytest.raises(WorkFailed, match="connection refused"):
        DumpListing().read(ASKED, [Completed(1, b"", b"connection refused")])


def test_what_is_still_listed_was_not_removed() -> None:
    """Whatever rclone said; and it deletes, since `purge` would touch older versions."""
    asked = ASKED | {"labels": (ONE,)}
    drop, listing = DumpExpiry().commands(asked)
    assert drop.argv[1:] == ("delete", f"store:clm-backups/restic/db1/pgdump/{ONE}")
    assert listing.argv[1] == "lsf"
    assert DumpExpiry().read(asked, [Completed(0), Completed(0, f"{TWO}/\n".encode())]) == {
        "dropped": [f"pgdump db1 {ONE}"]
    }
    with pytest.raises(WorkFailed, match="still listed"):
        DumpExpiry().read(asked, [Completed(0), Completed(0, f"{ONE}/\n".encode())])


def test_a_dump_is_carried_inside_the_storage() -> None:
    """Into the folder of the host that is the primary now; keys come from files, not from arguments."""
    (command,) = DumpCarry().commands(ASKED | {"label": ONE, "to": "db2"})
    place = "store:clm-backups/restic"
    assert command.argv[1:] == ("copy", f"{place}/db1/pgdump/{ONE}", f"{place}/db2/pgdump/{ONE}")
    assert set(command.secrets) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert command.user == "clm-backup"
