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
        return (
            f"{where} shows another host key than the one pinned in {known_hosts}",
            "find out whether the host was rebuilt or somebody stands in between; then renew its line in known_hosts",
        )
    if isinstance(error, paramiko.AuthenticationException):
        return (
            f"{where} refuses the SSH key",
            "check ansible_user and ansible_ssh_private_key_file in hosts.yml, or the agent",
        )
    if isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error):
        return f"{where} has no key in {known_hosts}", "pin its host key there first (see `clmdeploy init --help`)"
    if "No existing session" in str(error):  # how paramiko says that no banner came
        return f"{where} takes connections, but its sshd does not answer", "see whether the host hangs; else reboot it"
    return (
        f"{where} does not answer over SSH: {error or type(error).__name__}",
        "check the host and the network between",
    )
