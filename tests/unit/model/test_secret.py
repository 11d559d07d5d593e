"""Secrets redact themselves wherever they might be shown."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.model.secret import REDACTED, Secret, derived
from clmdeploy.model.value import Value, canonical_json


class Holder(Value):
    token: Secret
    tokens: tuple[Secret, ...] = ()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=20, max_size=40))
def test_is_shown_by_nothing(value: str) -> None:
    """repr, str, format, containers, models and canonical JSON show asterisks in place of the value."""
    secret = Secret(value)
    holder = Holder(token=secret, tokens=(secret,))
    outputs = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", str([secret, {"a": secret}]), repr(holder),
        str(holder.model_dump()), holder.model_dump_json(), canonical_json(holder).decode(),
    ]  # fmt: skip
    assert not [output for output in outputs if value in output or REDACTED not in output]


def test_stays_out_of_logs_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    """Logging a secret, or failing with one at hand, does not print it."""
    secret = Secret("correct-horse-battery")
    logging.getLogger("test").warning("using %s and %r", secret, {"key": secret})
    shown = "".join(traceback.format_exception(ValueError(secret)))
    assert "correct-horse" not in caplog.text + shown
    assert REDACTED in caplog.text


def test_can_be_written_by_no_serialiser() -> None:
    """json, yaml and pickle refuse a bare secret rather than write it."""
    secret = Secret("correct-horse-battery")
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(yaml.YAMLError):
        yaml.safe_dump(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@given(st.text(), st.text())
def test_reveals_and_compares(one: str, two: str) -> None:
    """reveal() gives the value back; secrets are equal exactly when their values are, and never equal to text."""
    assert Secret(one).reveal() == one
    assert (Secret(one) == Secret(two)) == (one == two)
    assert Secret(one) != one
    assert one != two or hash(Secret(one)) == hash(Secret(two))


def test_a_derived_secret_depends_on_its_label() -> None:
    """Each host gets its own, anybody with the first can make it again, and it redacts itself too."""
    first = Secret("passphrase")
    one = derived(first, "restic/app1")
    assert one == derived(Secret("passphrase"), "restic/app1")
    assert len({one, derived(first, "restic/app2"), derived(Secret("other"), "restic/app1"), first}) == 4
    assert one.reveal() == "413a7cd6c0e4155e94c4e66cc77d774d3090610f0b38d85da1d675d428c7ec2b"
    assert "passphrase" not in repr(one)
