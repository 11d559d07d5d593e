"""The units that `backup setup` writes: each service runs as its own user, in a box."""

from __future__ import annotations

from clmdeploy.backups.layout import ARCHIVE, ARCHIVE_USER, GATEWAY, GATEWAY_USER
from clmdeploy.backups.rclone import Gateway, gateway_command

_BOX = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
"""


def archive_unit(environment: str) -> str:
    """The pgBackRest server that database hosts hand their WAL to and restore from."""
    start = f"/usr/bin/pgbackrest --config={ARCHIVE}/pgbackrest.conf server"
    more = "ExecReload=/bin/kill -HUP $MAINPID\nSuccessExitStatus=63\n"  # what pgBackRest calls its end by SIGTERM
    title = f"pgBackRest server for the database hosts of {environment}"
    return _unit(title, "simple", ARCHIVE_USER, ARCHIVE, start, more)


def gateway_unit(environment: str, program: str, gateway: Gateway) -> str:
    """The append-only gateway to the file repositories. `program`: where rclone lies."""
    words = (program, *gateway_command(gateway).argv[1:])
    return _unit(f"Gateway to the file backups of {environment}", "notify", GATEWAY_USER, GATEWAY, " ".join(words))


def _unit(description: str, kind: str, user: str, directory: str, start: str, more: str = "") -> str:
    command = start.replace("%", "%%")
    return (
        "# Written by clmdeploy: changes are lost with the next backup setup\n"
        f"[Unit]\nDescription={description}\nAfter=network-online.target\nWants=network-online.target\n"
        "StartLimitIntervalSec=0\n\n"
        f"[Service]\nType={kind}\nUser={user}\nGroup={user}\nEnvironment=HOME=/var/lib/{user} LC_ALL=C\n"
        f"EnvironmentFile={directory}/environment\nExecStart={command}\n{more}Restart=always\nRestartSec=5\n"
        f"RuntimeDirectory={user}\nStateDirectory={user}\nLogsDirectory={user}\n"
        "RuntimeDirectoryMode=0750\nStateDirectoryMode=0750\nLogsDirectoryMode=0750\nLimitNOFILE=65536\n"
        f"{_BOX}\n[Install]\nWantedBy=multi-user.target\n"
    )
