"""How hosts look once backups are set up: accounts first, then files and units. Pure."""

from __future__ import annotations

from clmdeploy.backups import layout
from clmdeploy.backups.arrangement import Arrangement, Directory, File, Part, Run, Unit, User, text
from clmdeploy.backups.host_files import FILES_PASSPHRASE, UNITS
from clmdeploy.backups.identities import Certified, certificate_files
from clmdeploy.backups.layout import ARCHIVE, BACKUP, GATEWAY, PGBACKREST, Layout
from clmdeploy.backups.pgbackrest_config import SECRETS, client_config, local_config, server_config
from clmdeploy.backups.pgbackrest_settings import Places
from clmdeploy.backups.rclone import SECRETS as STORE_SECRETS
from clmdeploy.backups.rclone import gateway_config
from clmdeploy.backups.service_units import archive_unit, gateway_unit
from clmdeploy.model.hosts import Host

PGBACKREST_UNIT = "pgbackrest.service"
ARCHIVE_UNIT, GATEWAY_UNIT = "clm-archive.service", "clm-gateway.service"


def accounts(plan: Layout, host: Host) -> Arrangement:
    """Packages, accounts and directories of one host."""
    found = Arrangement(name="accounts")
    if host == plan.parties.backup:
        found += _backup_accounts()
    if host in plan.parties.database and plan.archives:
        found += Arrangement(
            name="accounts", packages=("pgbackrest",), quiet=(PGBACKREST_UNIT,),
            directories=(Directory(path=PGBACKREST, mode="0755"), _tls(PGBACKREST, "postgres")),
        )  # fmt: skip
    if host in plan.parties.files:
        folders = (BACKUP, f"{BACKUP}/tls", layout.FILES_CACHE)
        found += Arrangement(
            name="accounts",
            packages=("restic",),
            directories=tuple(Directory(path=one, mode="0700") for one in folders),
        )
    return found


def configuration(plan: Layout, host: Host, storage_ca: str, certified: Certified | None, rclone: str) -> Arrangement:
    """Files and units of one host.

    `storage_ca`: PEM; `certified`: where its new certificates come from, if it gets any; `rclone`: the program there.
    """
    found = Arrangement(name="configuration")
    if certified is not None:
        found += Arrangement(
            name="configuration", files=certificate_files(plan.parties, host, certified, archives=plan.archives)
        )
    if host == plan.parties.backup:
        found += _jobs(plan, storage_ca) + _archive_server(plan, storage_ca) + _gateway(plan, storage_ca, rclone)
    if host in plan.parties.database and plan.archives:
        found += _database(plan, host)
    if host in plan.parties.files:
        found += _files()
    if is_dumped(plan, host):
        found += Arrangement(name="configuration", files=(_dump_passphrase(),))
    return found


def secrets(plan: Layout, host: Host) -> dict[str, str]:
    """Name → setting, for all that the files of one host hold."""
    if host != plan.parties.backup:
        return {"restic-password": "backup.files.passphrase#restic/{host}"} | _of_dumps(plan, host)
    store = plan.backup.storage
    pairs = {
        "jobs": "keys",
        "archive": "archive" if store.archive else "keys",
        "files": "files" if store.files else "keys",
    }
    found = {
        f"{name}-{key}": f"backup.storage.{pair}.{key}_key"
        for name, pair in pairs.items()
        for key in ("access", "secret")
    }
    hosts = {f"restic-{one.name}": f"backup.files.passphrase#restic/{one.name}" for one in plan.parties.files}
    passphrases = {f"{name}-passphrase": f"backup.{name}.passphrase" for name in ("database", "files")}
    return found | passphrases | hosts


def is_dumped(plan: Layout, host: Host) -> bool:
    """Whether this host makes dumps, which it encrypts: nobody else needs that passphrase."""
    return not plan.archives and host in plan.parties.database


def _of_dumps(plan: Layout, host: Host) -> dict[str, str]:
    return {"database-passphrase": "backup.database.passphrase"} if is_dumped(plan, host) else {}


def _dump_passphrase() -> File:
    return File(path=layout.DUMP_PASSPHRASE, parts=({"secret": "database-passphrase"},), mode="0400")


def _backup_accounts() -> Arrangement:
    users = {
        layout.JOB_USER: layout.JOB_HOME,
        layout.ARCHIVE_USER: layout.ARCHIVE_PLACES.spool,
        layout.GATEWAY_USER: "/var/lib/clm-gateway",
    }
    own = [Directory(path=home, mode="0750", owner=name, group=name) for name, home in users.items()]
    job = {"owner": layout.JOB_USER, "group": layout.JOB_USER}
    folders = [
        Directory(path=BACKUP, mode="0750", group=layout.JOB_USER),
        Directory(path=ARCHIVE, mode="0750", group=layout.ARCHIVE_USER),
        Directory(path=GATEWAY, mode="0750", group=layout.GATEWAY_USER),
        _tls(BACKUP, layout.JOB_USER), _tls(ARCHIVE, layout.ARCHIVE_USER), _tls(GATEWAY, layout.GATEWAY_USER),
        Directory(path=layout.AUTHORITY, mode="0700"),
        *(Directory(path=path, mode="0700", **job) for path in (layout.SECRETS, f"{layout.SECRETS}/hosts")),
        *(Directory(path=path, mode="0750", **job) for path in (layout.JOB_PLACES.logs, layout.JOB_PLACES.spool)),
    ]  # fmt: skip
    return Arrangement(
        name="accounts", packages=("pgbackrest", "restic", "openssl", "ca-certificates"),
        users=tuple(User(name=name, home=home) for name, home in users.items()), directories=(*own, *folders),
        units=(Unit(name=PGBACKREST_UNIT, state="masked"),),
    )  # fmt: skip


def _jobs(plan: Layout, storage_ca: str) -> Arrangement:
    """Of the user that backs up, expires and verifies."""
    config = local_config(
        plan.repository(BACKUP), plan.clusters(), layout.identity(BACKUP), layout.JOB_PLACES
    )  # fmt: skip
    tmpfiles = "/etc/tmpfiles.d/clm-backup.conf"
    kept = {
        f"{layout.SECRETS}/s3-access-key": "jobs-access", f"{layout.SECRETS}/s3-secret-key": "jobs-secret",
        f"{layout.SECRETS}/database-passphrase": "database-passphrase", FILES_PASSPHRASE: "files-passphrase",
        **{layout.host_password(one.name): f"restic-{one.name}" for one in plan.parties.files},
    }  # fmt: skip
    job = layout.JOB_USER
    return Arrangement(
        name="configuration",
        files=(
            *_authority(BACKUP, job, storage_ca),
            File(path=f"{BACKUP}/pgbackrest.conf", parts=text(config), mode="0640", group=job),
            *(_secret(path, name) for path, name in kept.items()),
            File(path=tmpfiles, parts=text(f"d {layout.JOB_PLACES.locks} 0750 {job} {job} -\n")),
        ),
        run=(Run(path=tmpfiles, command=("systemd-tmpfiles", "--create", tmpfiles)),),
    )  # fmt: skip


def _secret(path: str, name: str) -> File:
    return File(path=path, parts=({"secret": name},), mode="0400", owner=layout.JOB_USER, group=layout.JOB_USER)


def _archive_server(plan: Layout, storage_ca: str) -> Arrangement:
    """Of the server that database hosts reach."""
    if not plan.archives:
        return Arrangement(name="configuration")
    clients = [host.name for host in plan.parties.database]
    config = server_config(plan.repository(ARCHIVE), clients, layout.identity(ARCHIVE), layout.ARCHIVE_PLACES)
    access, secret, passphrase = SECRETS
    files = (
        *_authority(ARCHIVE, layout.ARCHIVE_USER, storage_ca),
        File(path=f"{ARCHIVE}/pgbackrest.conf", parts=text(config), mode="0640", group=layout.ARCHIVE_USER),
        _environment(ARCHIVE, {access: "archive-access", secret: "archive-secret", passphrase: "database-passphrase"}),
        File(path=f"{UNITS}/{ARCHIVE_UNIT}", parts=text(archive_unit(plan.settings.name))),
    )
    return _serving(ARCHIVE_UNIT, ARCHIVE, files)


def _gateway(plan: Layout, storage_ca: str, rclone: str) -> Arrangement:
    gateway, (access, secret) = plan.gateway(), STORE_SECRETS
    unit = gateway_unit(plan.settings.name, rclone, gateway)
    files = (
        *_authority(GATEWAY, layout.GATEWAY_USER, storage_ca),
        File(path=gateway.config, parts=text(gateway_config(gateway)), mode="0640", group=layout.GATEWAY_USER),
        _environment(GATEWAY, {access: "files-access", secret: "files-secret"}),
        File(path=f"{UNITS}/{GATEWAY_UNIT}", parts=text(unit)),
    )
    return _serving(GATEWAY_UNIT, GATEWAY, files)


def _serving(unit: str, directory: str, files: tuple[File, ...]) -> Arrangement:
    """Files, and a unit that is restarted for any of them and for new certificates."""
    watches = (*(one.path for one in files), f"{directory}/tls/cert.pem", f"{directory}/tls/ca.pem")
    return Arrangement(name="configuration", files=files, units=(Unit(name=unit, watches=watches),))


def _database(plan: Layout, host: Host) -> Arrangement:
    """Of a database host: no storage is named there."""
    config = client_config(
        plan.repository(PGBACKREST), plan.peer, plan.cluster(host), layout.identity(PGBACKREST), Places()
    )
    tmpfiles, folders = "/etc/tmpfiles.d/clm-pgbackrest.conf", Places()
    lines = "".join(
        f"d {path} 0750 postgres postgres -\n" for path in (folders.locks, folders.logs, folders.spool)
    )  # fmt: skip
    found = _serving(
        PGBACKREST_UNIT, PGBACKREST,
        (File(path=f"{PGBACKREST}/pgbackrest.conf", parts=text(config), mode="0640", group="postgres"),),
    )  # fmt: skip
    made = Arrangement(
        name="configuration", files=(File(path=tmpfiles, parts=text(lines)),),
        run=(Run(path=tmpfiles, command=("systemd-tmpfiles", "--create", tmpfiles)),),
    )  # fmt: skip
    return made + found


def _files() -> Arrangement:
    """Of a host with files. restic wants certificate and key in one file."""
    both: tuple[Part, ...] = tuple({"file": f"{BACKUP}/tls/{name}.pem"} for name in ("cert", "key"))
    password = File(path=f"{BACKUP}/restic-password", parts=({"secret": "restic-password"},), mode="0400")
    return Arrangement(
        name="configuration", files=(password, File(path=f"{BACKUP}/tls/client.pem", parts=both, mode="0400"))
    )


def _authority(directory: str, group: str, storage_ca: str) -> tuple[File, ...]:
    path = f"{directory}/{layout.STORAGE_CA}"
    return (File(path=path, parts=text(storage_ca), mode="0640", group=group),) if storage_ca else ()


def _environment(directory: str, variables: dict[str, str]) -> File:
    """Read by systemd itself, as root: the service gets the values, not the file."""
    parts: list[Part] = []
    for variable, secret in variables.items():
        parts += [{"text": f"{variable}="}, {"variable": secret}]
    return File(path=f"{directory}/environment", parts=tuple(parts), mode="0600")


def _tls(directory: str, group: str) -> Directory:
    return Directory(path=f"{directory}/tls", mode="0750", group=group)
