"""allowed_signers is read as ssh-keygen reads it, as far as faults can be told beforehand."""

from __future__ import annotations

import pytest

from clmdeploy.config.allowed_signers import parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7"


MANY = ("cert-authority", 'namespaces="x y"', 'valid-before="20301231"')


@pytest.mark.parametrize(
    ("line", "principals", "options"),
    [
        (f"a@clm {KEY}", ("a@clm",), ()),
        (f"a@clm,b@clm {KEY} a comment of words", ("a@clm", "b@clm"), ()),
        (f'a@clm namespaces="x,y" {KEY}', ("a@clm",), ('namespaces="x,y"',)),
        (f"a@clm {','.join(MANY)} {KEY}", ("a@clm",), MANY),
    ],
)
def test_lines_are_read(line: str, principals: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Principals, options with their quotes, and the key are told apart."""
    (signer,), faults = parse(line)
    assert (signer.principals, signer.options, faults) == (principals, options, [])
    assert signer.fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(
    ("option", "permitted"),
    [
        ("", True), ('namespaces="clmdeploy.plan"', True), ('namespaces="clmdeploy.release,clmdeploy.plan"', True),
        ('namespaces="clmdeploy.*"', True), ('namespaces="clmdeploy.approval"', False), ("cert-authority", True),
        ('namespaces="clmdeploy.plane"', False),
    ],
)  # fmt: skip
def test_namespaces_restrict_what_a_key_may_sign(option: str, permitted: bool) -> None:
    """As ssh-keygen judges it: a list of patterns; without one everything is permitted."""
    ((signer,), _) = parse(f"a@clm {option} {KEY}")
    assert signer.may_sign("clmdeploy.plan") is permitted


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("a@clm", "expects PRINCIPALS [OPTIONS] KEYTYPE KEY"),
        (f"a@clm unknown-option {KEY}", "option 'unknown-option' is not known"),
        (f"*@clm {KEY}", "principals must be names, not patterns"),
        ("a@clm ssh-ed25519 AAAA", "the key is not of the type it says"),
        ("a@clm ssh-dss AAAA", "key type 'ssh-dss' is not one of"),
        ("a@clm ssh-dss AAAA comment", "option 'ssh-dss' is not known"),
    ],
)
def test_faults_have_their_line(line: str, cause: str) -> None:
    """A line that could never verify anything is a fault with its number."""
    signers, faults = parse(f"# who\n{line}\n")
    assert signers == ()
    assert faults[0][0] == 2
    assert faults[0][1].startswith(cause)
