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
}
