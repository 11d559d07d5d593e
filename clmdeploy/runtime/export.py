"""What `change export` needs of an environment: where changes are known, what to take out, whom to ask."""

from __future__ import annotations

from clmdeploy.adapters.inspection import SshInspector, installed_versions
from clmdeploy.adapters.program import guard_source
from clmdeploy.adapters.redactor import redactor
from clmdeploy.changes.journal import Journal
from clmdeploy.config.backup_hosts import parties
from clmdeploy.config.environment import secret_references
from clmdeploy.config.secrets import resolve
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.secret import derived
from clmdeploy.model.value import sha256_hex
from clmdeploy.queries.change_export import Redact, Sources
from clmdeploy.queries.change_record import Place
from clmdeploy.runtime import Runtime
from clmdeploy.runtime.offline import OfflineRuntime, unshipped


def places(runtime: Runtime) -> list[Place]:
    """The state bucket, then what this control node keeps: work without the storage, newest first, and its copy."""
    name, signer = runtime.environment.name, runtime.journal.signer
    offline = [OfflineRuntime.beside(runtime, change).journal for change in reversed(unshipped(runtime))]
    copy = Journal(runtime.journal_copy, name, signer, runtime.verifier, runtime.clock)
    return [
        Place("state bucket", runtime.journal),
        *(Place("work without the storage", one) for one in offline),
        Place("this control node's copy", copy),
    ]


def redaction(runtime: Runtime) -> tuple[Redact, list[InvalidInput]]:
    """What takes secrets out of texts, and why some are not known: nobody can read them here."""
    known, unread = [], []
    for key, reference in secret_references(runtime.environment.settings).items():
        try:
            known.append(resolve(reference, runtime.environment.directory, runtime.environ, key=key))
        except InvalidInput as error:
            unread.append(error)
            continue
        if key == "backup.files.passphrase":  # each host has a password that is made from it
            hosts = parties(runtime.environment).files
            known += [derived(known[-1], f"restic/{host.name}") for host in hosts]
    return redactor(known), unread


def sources(runtime: Runtime, redact: Redact) -> Sources:
    """Whom to ask, beside the journal."""
    versions = {**installed_versions(), "guard": sha256_hex(guard_source()), "inputs": runtime.inputs()}
    return Sources(runtime.environment, runtime.hosts, SshInspector(runtime.connections), versions, redact)
