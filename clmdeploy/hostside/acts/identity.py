"""A host's own keys: made here, once, and never shown. What travels is the request to sign and the certificate.

`arguments`: `change`; `common_name`; `identities`, each with name, directory, owner, group. In the directory lie
`key.pem`, `cert.pem` and `ca.pem`.
"""

from __future__ import annotations

import grp
import os
import pwd

from . import openssl, places
from .call import Call, Json
from .kept import Kept


def ask(call: Call) -> Json:
    """By identity: `expires` (seconds since 1970), `names`, `authority` (its digest), or nulls where nothing fits."""
    return {"identities": {one["name"]: _found(one["directory"]) for one in call.arguments["identities"]}}


def perform(call: Call) -> Json:
    """`requests`: by identity a signing request."""
    kept, name = _kept(call), call.arguments["common_name"]
    return {"requests": {one["name"]: openssl.request(_key(kept, one), name) for one in call.arguments["identities"]}}


def restore(call: Call) -> Json:
    """Removes the keys that this change made."""
    kept = _kept(call)
    return {"left": [why for why in map(kept.put_back, reversed(list(kept.paths))) if why]}


def probe(call: Call) -> Json:
    """Done where all keys are; the requests are made anew from them."""
    found = [places.look(_file(one, "key.pem")) for one in call.arguments["identities"]]
    return {"state": "done", **perform(call)} if all(found) else {"state": "partial" if any(found) else "not-done"}


def _kept(call: Call) -> Kept:
    return Kept(call.arguments["change"], "identity")


def _key(kept: Kept, one: Json) -> bytes:
    path = _file(one, "key.pem")
    if places.look(path) is None:
        key = openssl.new_key()
        kept.path(path, places.digest(key))
        places.write(path, key, 0o600, pwd.getpwnam(one["owner"]).pw_uid, grp.getgrnam(one["group"]).gr_gid)
    return places.read(path)


def _found(directory: str) -> Json:
    """Nulls where a part is missing, or does not fit the others."""
    nothing = {"expires": None, "names": None, "authority": None}
    files = {name: os.path.join(directory, name) for name in ("key.pem", "cert.pem", "ca.pem")}
    if any(places.look(path) is None for path in files.values()):
        return nothing
    certificate = places.read(files["cert.pem"])
    fits = openssl.belongs(certificate, places.read(files["key.pem"]))
    if not fits or not openssl.is_signed_by(files["cert.pem"], files["ca.pem"]):
        return nothing
    authority = places.digest(places.read(files["ca.pem"]))
    return {"expires": openssl.expires(certificate), "names": openssl.names_of(certificate), "authority": authority}


def _file(one: Json, name: str) -> str:
    return os.path.join(one["directory"], name)
