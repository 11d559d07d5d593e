"""Ways to lose data, as bad days know them. What a host runs afterwards is not repaired here."""

from __future__ import annotations

from clmdeploy.lab.host import LabHost
from tests.lab.backups.kit.database import Database

_CLUSTER = "postgresql@17-main.service"
_DATA = "/var/lib/postgresql/17/main"


def drop_tables(database: Database) -> None:
    """Everything of the kit, large objects included, in one committed transaction."""
    unlink = "SELECT count(lo_unlink(picture)) FROM kit.pictures"
    database.query(f"BEGIN; {unlink}; DROP SCHEMA kit CASCADE; COMMIT")


def forget_where(database: Database) -> None:
    """The classic: an UPDATE and a DELETE without their WHERE."""
    database.query("UPDATE kit.segments SET title = 'x' || id; DELETE FROM kit.documents")


def delete_data_directory(host: LabHost, data: str = _DATA) -> None:
    """While the server runs, as whoever mistakes the terminal does; then the server is gone too."""
    host.run(["sh", "-c", f"rm -rf {data}/* && systemctl kill --signal=KILL {_CLUSTER}; sleep 1"])
    host.run(["systemctl", "stop", _CLUSTER], check=False)


def scribble(host: LabHost, table_file: str, data: str = _DATA) -> None:
    """Rubbish over a page of a table's file, as a dying disk writes it."""
    host.run(["dd", "if=/dev/urandom", f"of={data}/{table_file}", "bs=8192", "count=1", "conv=notrunc", "status=none"])


def remove_tree(host: LabHost, directory: str) -> None:
    """rm -rf."""
    host.run(["rm", "-rf", "--one-file-system", directory])
