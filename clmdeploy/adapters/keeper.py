"""Acts on the storage as steps of a change: done by this process, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clmdeploy.backups.store_act import StoreAct
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ClmError, StoreRefused, StoreUnavailable


@dataclass(frozen=True)
class Keeper:
    """Implements the Performer port. The lease keeps others out: there is no host whose guard could."""

    acts: Mapping[str, StoreAct]

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`."""
        outcomes = {}
        for act in acts:
            outcomes[act.key] = self._one(act)
            listen(act.key, outcomes[act.key])
        return outcomes

    def _one(self, act: Guarded) -> Outcome:
        """What became of an earlier act is known to nobody but the storage itself: `probe` asks that."""
        if act.guard == "probe":
            return Outcome(status="unknown")
        if act.act not in self.acts:
            return Outcome(status="refused", message=_no_such_act(act.act), acted=False)
        try:
            return Outcome(status="done", result=self._answer(self.acts[act.act], act))
        except StoreRefused as error:  # these keys do nothing at all
            return Outcome(status="failed", message=error.message, acted=False)
        except StoreUnavailable as error:
            return Outcome(status="unknown", message=error.message)
        except ClmError as error:
            return Outcome(status="failed", message=error.message)

    def _answer(self, how: StoreAct, act: Guarded) -> dict[str, object]:
        match act.verb:
            case "restore":
                return how.restore(act.arguments)
            case "probe" | "ask":
                return how.probe(act.arguments)
            case "perform":
                return how.perform(act.arguments)


def _no_such_act(name: str) -> str:
    return Bilingual(
        f"this version of clmdeploy has no act {name!r} on the storage",
        f"в этой версии clmdeploy нет действия {name!r} с хранилищем",
    )
