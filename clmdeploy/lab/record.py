"""lab.json: what every process must know of a lab that stands. The kernel's names for its parts follow from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.spec import HostSpec, LabSpec
from clmdeploy.model.errors import UsageError

FORMAT = "lab/1"


@dataclass(frozen=True)
class LabRecord:
    """A lab that was asked for and has a subnet: 10.77.`index`.0/24."""

    spec: LabSpec
    index: int
    uuid: str
    image: str
    """Directory of the unpacked image that every host's disk begins as."""
    program_layers: dict[str, str]
    """By inventory group, the directory with the program that its hosts have laid over the image."""

    @property
    def tag(self) -> str:
        """Prefix of everything of this lab that the kernel names; interface names have 15 characters at most."""
        return f"clmlab{self.index}"

    @property
    def subnet(self) -> str:
        return subnet(self.index)

    @property
    def gateway(self) -> str:
        """Address of the machine on the lab's bridge."""
        return f"10.77.{self.index}.1"

    def command(self, words: str) -> str:
        """What to type about this lab, for hints."""
        return f"clmdeploy lab {words}" + ("" if self.spec.name == "lab" else f" --name {self.spec.name}")

    def address(self, host: HostSpec) -> str:
        return f"10.77.{self.index}.{host.octet}"

    def first_address(self, group: str) -> str | None:
        """Address of the first host of a group, None where the lab has none."""
        hosts = self.spec.group(group)
        return self.address(hosts[0]) if hosts else None

    def layers(self, host: HostSpec) -> tuple[Path, ...]:
        """The read-only directories under a host's disk, topmost first."""
        extra = self.program_layers.get(host.group)
        return (*((Path(extra),) if extra else ()), Path(self.image))

    def dump(self) -> str:
        """This record as the text of lab.json."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def subnet(index: int) -> str:
    """The network of the lab with this index."""
    return f"10.77.{index}.0/24"


def parse_record(text: str, source: Path) -> LabRecord:
    """Read lab.json back. Raises LabError when it is not one."""
    try:
        value: dict[str, Any] = json.loads(text)  # Any: checked by the constructors below
        if value.pop("format") != FORMAT:
            raise LabError(f"{source}: not of format {FORMAT}", f"remove {source.parent} by hand")
        return LabRecord(**{**value, "spec": LabSpec(**value["spec"])})
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise LabError(f"{source}: damaged ({error})", f"remove {source.parent} by hand") from error
