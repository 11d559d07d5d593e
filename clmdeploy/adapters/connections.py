"""SSH connections through Fabric, with pinned host keys only.

Fabric's default accepts any host key and loads no known_hosts (fabric 3.2, `Connection.client`); this replaces both.
A connection is opened once a host and kept for the life of the process; a dead one is opened anew.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.adapters.liveness import watch
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host

if TYPE_CHECKING:
    from fabric import Connection

# What paramiko finds wrong comes back as an exception; without a handler its traceback would be printed as well.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT_TIMEOUT = 8
KEEPALIVE = 5
SILENCE = 15  # seconds without an answer to a keepalive: as long as Ansible's ssh is patient


class Connections:
    """Open connections by host name. Safe to use from several threads."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts
        self._open: dict[str, Connection] = {}
        self._lock = threading.Lock()

    def to(self, host: Host) -> Connection:
        """A living connection. Raises HostUnreachable with the reason and what to do."""
        with self._lock:
            connection = self._open.get(host.name)
        if connection is not None and connection.is_connected and connection.transport.is_active():
            return connection
        fresh = self._connect(host)
        with self._lock:
            self._open[host.name] = fresh
        return fresh

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for connection in self._open.values():
                connection.close()
            self._open.clear()

    def _connect(self, host: Host) -> Connection:
        import paramiko  # heavy: only when a host is really asked
        from fabric import Config, Connection

        options: dict[str, object] = {
            "banner_timeout": CONNECT_TIMEOUT, "auth_timeout": CONNECT_TIMEOUT, "channel_timeout": CONNECT_TIMEOUT,
        }  # fmt: skip
        if host.identity_file:
            options |= {"key_filename": str(Path(host.identity_file).expanduser()), "look_for_keys": False}
        connection = Connection(
            host.address, user=host.user, port=host.port,
            config=Config(lazy=True, overrides={"load_ssh_configs": False}),
            connect_timeout=CONNECT_TIMEOUT, connect_kwargs=options,
        )  # fmt: skip
        connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            connection.client.load_host_keys(str(self._known_hosts))
            connection.open()
        except (OSError, EOFError, ValueError, paramiko.SSHException) as error:  # ValueError: a key of an odd kind
            connection.close()
            raise HostUnreachable(*_words(host, error, self._known_hosts)) from error
        watch(connection.transport, KEEPALIVE, SILENCE)
        return connection


def _words(host: Host, error: Exception, known_hosts: Path) -> tuple[str, str]:
    import paramiko

    where = f"{host.name} ({host.user}@{host.address}:{host.port})"
    if isinstance(error, paramiko.BadHostKeyException):
        message = Bilingual(
            f"{where} shows another host key than the one pinned in {known_hosts}",
            f"{where} предъявляет не тот ключ, что закреплён в {known_hosts}",
        )
        return message, _REBUILT
    if isinstance(error, paramiko.AuthenticationException):
        return Bilingual(f"{where} refuses the SSH key", f"{where} не принимает ключ SSH"), _ACCOUNT
    if isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error):
        return Bilingual(f"{where} has no key in {known_hosts}", f"ключа узла {where} нет в {known_hosts}"), _UNPINNED
    if "No existing session" in str(error):  # how paramiko says that no banner came
        message = Bilingual(
            f"{where} takes connections, but its sshd does not answer",
            f"{where} принимает соединения, но sshd не отвечает",
        )
        return message, _HANGS
    cause = error or type(error).__name__
    return Bilingual(f"{where} does not answer over SSH: {cause}", f"{where} не отвечает по SSH: {cause}"), _GONE


_REBUILT = Bilingual(
    "find out whether the host was rebuilt or somebody stands in between; then renew its line in known_hosts",
    "выясните, переустановлен ли узел или кто-то встал посередине; затем обновите его строку в known_hosts",
)
_ACCOUNT = Bilingual(
    "check ansible_user and ansible_ssh_private_key_file in hosts.yml, or the agent",
    "проверьте ansible_user и ansible_ssh_private_key_file в hosts.yml или ssh-agent",
)
_UNPINNED = Bilingual(
    "pin its host key there first (see `clmdeploy init --help`)",
    "сначала закрепите там его ключ (см. `clmdeploy init --help`)",
)
_HANGS = Bilingual(
    "see whether the host hangs; else reboot it", "посмотрите, не завис ли узел; иначе перезагрузите его"
)
_GONE = Bilingual("check the host and the network between", "проверьте узел и сеть до него")
