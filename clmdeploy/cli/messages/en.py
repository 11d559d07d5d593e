"""The sentences in English. Keys are `NOUN.SENTENCE`; keep them in step with ru.py."""

MESSAGES = {
    # How a failure is opened: one line for every exit code (`verdict.` + its name in lower case).
    "verdict.done": "Done.",
    "verdict.unexpected": "Unexpected failure.",
    "verdict.usage": "The command line is not right.",
    "verdict.invalid": "Refused: invalid input. Nothing was changed.",
    "verdict.failed_unchanged": "Failed. Nothing was changed.",
    "verdict.failed_partly": "Failed. Part of the work stands.",
    "verdict.lease_held": "Somebody else is at work in this environment.",
    "verdict.frozen": "Not now: frozen, or outside the window.",
    "verdict.approval_missing": "An approval is missing.",
    "verdict.unknown": "The outcome is not known: resume or abort.",
    "verdict.verification_failed": "Verification failed.",
    "verdict.paused": "Paused at a safe point: nothing is drained, the lease is free.",
    # What the face itself has to say.
    "failure.unexpected": "{kind}: {cause}",
    "failure.unexpected_hint": "run again with --debug to see where it happened",
    "failure.interrupted": "Interrupted.",
    "failure.hint": "→ {hint}",
    # Prompts.
    "prompt.confirm_environment": "Type the name of the environment to go on ({environment})",
    # Questions that any command asks.
    "question.missing": "missing, and there is no terminal to ask on: {flags}",
    "question.missing_hint": "give these flags, or run it on a terminal",
    # init
    "init.application": "Name of the application (of its releases)",
    "init.host": "Host as [GROUP:]NAME=ADDRESS[:PORT]; empty when all are given",
    "init.ssh_user": "Account to log in to the hosts as",
    "init.endpoint": "Address of the S3 storage, like https://s3.example.com:8334",
    "init.state_bucket": "Bucket of journal and leases",
    "init.release_bucket": "Bucket of releases",
    "init.principal": "Who signs, like ivanova@example.com",
    "init.signing_key": "Signing key: path of a private key; `new` makes one",
    "init.balancer_backend": "haproxy backend of a group, as GROUP=BACKEND; empty when all are given",
    "init.scanning": "Asking {count} hosts for their keys ...",
    "init.silent": "no host key came from: {hosts}",
    "init.silent_hint": "check the addresses and that sshd runs there, or give --host-keys FILE",
    "init.shown": "{host} ({address}) shows",
    "init.trust": "Compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on each host. Pin these keys?",
    "init.untrusted": "the host keys were not confirmed, so nothing was written",
    "init.untrusted_hint": "give --host-keys FILE, or --trust-scanned-key with each fingerprint (or: all)",
    "init.done": "{directory} is laid out. Next:",
    # config
    "config.good": "{directory}: no fault found.",
    "config.group": "  {group}: {hosts}",
    "config.note": "note: {message}",
}
