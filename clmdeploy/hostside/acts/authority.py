"""The certificate authority of an environment's backups: made once on the backup host, which alone holds its key.

`arguments`: `change`; `directory`; `name` of the authority; `subjects`: host → common name, names to certify
and `servers` (identities that only answer: whoever takes one over must not be taken for the host where it asks);
`results`: of the step `requests`. Only requests whose names the plan knows are signed.
"""

from __future__ import annotations

import os

from . import openssl, places
from .call import ActError, Call, Json
from .kept import Kept

OWN_DAYS = 7300
DAYS = 825


def ask(call: Call) -> Json:
    """`authority`: digest of its certificate, or null; `expires`: seconds since 1970."""
    path = _files(call)[0]
    if places.look(path) is None:
        return {"authority": None, "expires": None}
    certificate = places.read(path)
    return {"authority": places.digest(certificate), "expires": openssl.expires(certificate)}


def perform(call: Call) -> Json:
    """`ca`: the authority's certificate; `certificates`: by host and identity."""
    ca = _made(call)
    requests = call.arguments["results"]["requests"]
    signed = {host: _signed(call, host, found["requests"]) for host, found in requests.items()}
    return {"ca": ca, "certificates": signed}


def restore(call: Call) -> Json:
    """Removes an authority that this change made; what it signed is put back by those who got it."""
    kept = Kept(call.arguments["change"], "authority")
    return {"left": [why for why in map(kept.put_back, reversed(list(kept.paths))) if why]}


def probe(call: Call) -> Json:
    """To sign again harms nobody, but nobody can tell whether it was done."""
    return {"state": "partial" if places.look(_files(call)[0]) else "not-done"}


def _files(call: Call) -> tuple[str, str]:
    directory = call.arguments["directory"]
    return os.path.join(directory, "ca.pem"), os.path.join(directory, "ca.key")


def _made(call: Call) -> str:
    """The certificate comes last: where it is, the key is too."""
    path, key_path = _files(call)
    if places.look(path) is None:
        kept = Kept(call.arguments["change"], "authority")
        key = openssl.new_key()
        certificate = openssl.authority(key, call.arguments["name"], OWN_DAYS)
        for where, content in ((key_path, key), (path, certificate)):
            kept.path(where, places.digest(content))
            places.write(where, content, 0o600 if where == key_path else 0o644, 0, 0)
    return places.read(path).decode()


def _signed(call: Call, host: str, requests: dict[str, str]) -> dict[str, str]:
    subject, files = call.arguments["subjects"][host], _files(call)
    for csr in requests.values():
        if openssl.common_name(csr) != subject["common_name"]:
            raise ActError(f"{host} asks for a certificate of another name: nothing is signed")
    answers = subject.get("servers", [])
    return {
        name: openssl.sign(csr, subject["names"], DAYS, *files, asks=name not in answers)
        for name, csr in requests.items()
    }
