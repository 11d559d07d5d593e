"""After a restore the release itself says whether it can run on the schema: a no starts nothing."""

from __future__ import annotations

import pytest

from clmdeploy.hostside.acts import schema
from clmdeploy.hostside.acts.call import ActError, Call


@pytest.mark.parametrize(
    ("standing", "fault"),
    [
        ({"version": 4, "dirty": False}, ""),
        ({"version": 3, "dirty": False}, "needs 4"),
        ({"version": 6, "dirty": False}, "can't run after migration 5"),
        ({"version": 4, "dirty": True}, "dirty"),
        (None, "declares no schema"),
    ],
)
def test_nothing_is_started_on_a_schema_that_it_can_not_run_on(
    standing: dict[str, object] | None, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too old, half-way, or beyond what it can bear; else its version is told, for the point that follows."""
    monkeypatch.setattr(schema, "current", lambda _root: "1.2.0-aaaaaaaa")
    monkeypatch.setattr(schema, "schema_version", lambda *_arguments: standing)
    call = Call("schema", "perform", {"root": "/opt/clm", "user": "clm", "needs": 4, "broken": [5]}, {}, {})
    if not fault:
        assert schema.perform(call) == {"version": 4}
        return
    with pytest.raises(ActError, match=fault):
        schema.perform(call)
