"""The archive for the third line: the same members give the same bytes, and each is named with its digest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from clmdeploy.model.secret import REDACTED
from clmdeploy.queries.change_archive import Gap, Member, manifest_of, write_archive

MEMBERS = (Member("hosts/app1/log.txt", f"a {REDACTED}\n".encode(), "cut here"), Member("README.txt", b"read me\n"))


def written(*members: Member) -> bytes:
    """The archive's bytes."""
    file = io.BytesIO()
    write_archive(file, "clm-export-c1", members, 1_700_000_000)
    return file.getvalue()


def test_the_same_members_give_the_same_bytes() -> None:
    """Whatever their order was."""
    assert written(*MEMBERS) == written(*reversed(MEMBERS))


def test_members_lie_in_one_directory_for_their_owner_only() -> None:
    """No absolute path, no account of this machine, no time but the one that was given."""
    with tarfile.open(fileobj=io.BytesIO(written(*MEMBERS))) as archive:
        entries = archive.getmembers()
    assert [one.name for one in entries] == ["clm-export-c1/README.txt", "clm-export-c1/hosts/app1/log.txt"]
    assert {(one.mode, one.mtime, one.uid, one.uname, one.type) for one in entries} == {
        (0o600, 1_700_000_000, 0, "", tarfile.REGTYPE)
    }


def test_the_manifest_names_every_member_and_what_is_missing() -> None:
    """With size, SHA-256, how often something was redacted, and how it was cut."""
    manifest = json.loads(manifest_of({"change": "c1"}, MEMBERS, [Gap(what="app2", cause="silent")]).content)
    assert manifest["format"] == "export-manifest/1"
    assert manifest["missing"] == [{"what": "app2", "cause": "silent"}]
    assert manifest["members"][1] == {
        "name": "hosts/app1/log.txt", "size": len(MEMBERS[0].content), "redactions": 1, "cut": "cut here",
        "sha256": hashlib.sha256(MEMBERS[0].content).hexdigest(),
    }  # fmt: skip
