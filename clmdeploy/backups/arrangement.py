"""The declared state of a host, as the act `arrange` takes it (hostside/acts/arrange.py)."""

from __future__ import annotations

from typing import Literal, Self

from clmdeploy.model.value import JsonValue, Value

Part = dict[str, str | list[str]]
"""one of text, secret, variable, file, result → its value"""


class User(Value):
    """A system account without a shell."""

    name: str
    home: str


class Directory(Value):
    """A directory; `mode` in octal digits."""

    path: str
    mode: str
    owner: str = "root"
    group: str = "root"


class File(Value):
    """A file and the parts that its content is made of."""

    path: str
    parts: tuple[Part, ...]
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"


class Run(Value):
    """A program whose effect follows from a file: run when that was written."""

    path: str
    command: tuple[str, ...]


class Unit(Value):
    """A systemd unit; `watches`: paths for whose sake it is restarted."""

    name: str
    state: Literal["running", "masked", "absent"] = "running"
    watches: tuple[str, ...] = ()


class Link(Value):
    """A symbolic link."""

    path: str
    target: str


class Arrangement(Value):
    """All of it. `quiet`: units that a package must not start; `absent`: files that must not be there."""

    name: str
    packages: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    run: tuple[Run, ...] = ()
    units: tuple[Unit, ...] = ()
    links: tuple[Link, ...] = ()
    absent: tuple[str, ...] = ()

    def __add__(self, other: Self) -> Self:
        """Both, in this order; what both declare stands there once."""
        lists = {key: getattr(self, key) + getattr(other, key) for key in type(self).model_fields if key != "name"}
        return self.model_copy(update={key: _once(values) for key, values in lists.items()})

    def arguments(self) -> dict[str, JsonValue]:
        """As the act takes it."""
        return {"arrangement": self.model_dump(mode="json")}


def text(content: str) -> tuple[Part, ...]:
    """A file's content, known when it is planned."""
    return ({"text": content},)


def _once(values: tuple[object, ...]) -> tuple[object, ...]:
    """Files hold mappings, so they can't be hashed."""
    return tuple(value for index, value in enumerate(values) if value not in values[:index])
