"""Configuration files hold what each reader needs, and no secret."""

from __future__ import annotations

import configparser

import pytest

from clmdeploy.backups.pgbackrest_config import client_config, local_config, server_config
from clmdeploy.backups.pgbackrest_settings import Cluster, Identity, Peer, Places, Repository, Storage
from clmdeploy.model.errors import InvalidInput

REPOSITORY = Repository(
    stanza="clm", storage=Storage(bucket="b", endpoint="s3", port=8333, authority="/ca"), from_standby=True
)
IDENTITY = Identity(authority="/ca", certificate="/crt", key="/key")
CLUSTERS = (Cluster(host="db1", data="/data"), Cluster(host="db2", data="/data"))

PEER = Peer(name="backup1", address="10.0.0.9", config="/etc/server.conf")


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters="=", interpolation=None, strict=False)
    parser.read_string(text)
    return parser


def test_the_backup_host_takes_everything_and_expires_nothing_by_itself() -> None:
    """Both servers are named; block increments need bundles; locks are not below /tmp."""
    told = read(local_config(REPOSITORY, CLUSTERS, IDENTITY, Places(locks="/run/clm")))
    common, own = told["global"], told["clm"]
    assert (common["repo1-bundle"], common["repo1-block"], common["compress-type"]) == ("y", "y", "zst")
    assert (common["expire-auto"], common["repo1-retention-full"], common["backup-standby"]) == (
        "n",
        "9999999",
        "prefer",
    )
    assert (common["lock-path"], common["repo1-cipher-type"], common["repo1-storage-port"]) == (
        "/run/clm",
        "aes-256-cbc",
        "8333",
    )
    assert "repo1-retention-archive" not in common
    assert (own["pg1-host"], own["pg2-host"], own["pg2-host-type"]) == ("db1", "db2", "tls")


def test_the_server_lets_each_database_host_reach_this_stanza_only() -> None:
    """One line for each certificate."""
    text = server_config(REPOSITORY, ["db1", "db2"], IDENTITY, Places())
    assert "tls-server-auth=db1=clm\ntls-server-auth=db2=clm\n" in text
    assert "pg1-" not in text
    assert "retention" not in text


def test_a_database_host_knows_no_storage() -> None:
    """Asynchronous for archive-push alone (#2423); WAL is never dropped (#2629)."""
    text = client_config(REPOSITORY, PEER, CLUSTERS[0], IDENTITY, Places())
    told = read(text)
    assert (told["global"]["repo1-host"], told["global"]["repo1-host-config"]) == ("10.0.0.9", "/etc/server.conf")
    assert told["global:archive-push"]["archive-async"] == "y"
    assert "archive-async" not in told["global"]
    assert told["clm"]["pg1-path"] == "/data"
    assert not any(word in text for word in ("s3", "bucket", "cipher", "queue-max"))


def test_no_file_holds_a_secret() -> None:
    """They come by environment variables."""
    texts = (
        local_config(REPOSITORY, CLUSTERS, IDENTITY, Places()),
        server_config(REPOSITORY, ["db1"], IDENTITY, Places()),
        client_config(REPOSITORY, PEER, CLUSTERS[0], IDENTITY, Places()),
    )
    assert not any(word in text for text in texts for word in ("s3-key=", "key-secret", "cipher-pass"))


def test_blocks_are_not_asked_for_without_bundles() -> None:
    """pgBackRest would refuse the file."""
    text = local_config(REPOSITORY.model_copy(update={"bundled": False}), CLUSTERS, IDENTITY, Places())
    assert "repo1-bundle=n" in text
    assert "repo1-block" not in text


@pytest.mark.parametrize("data", ["", " /data", "/data\nrepo1-path=/x", "/data\r", "/da\u2028ta"])
def test_values_that_would_be_read_as_others_are_refused(data: str) -> None:
    """A line more is an option more."""
    with pytest.raises(InvalidInput, match="pg1-path"):
        local_config(REPOSITORY, (Cluster(host="db1", data=data),), IDENTITY, Places())


@pytest.mark.parametrize("clients", [[], ["*"], ["db1=other"], ["a b"], [""]])
def test_clients_are_named_one_by_one(clients: list[str]) -> None:
    """Nobody and everybody are no lists."""
    with pytest.raises(InvalidInput, match="common names"):
        server_config(REPOSITORY, clients, IDENTITY, Places())
