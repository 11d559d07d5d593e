"""The gateway adds and reads, for each host in its own folder, with keys that no file of its configuration holds."""

from __future__ import annotations

import pytest

from clmdeploy.backups.rclone import Gateway, gateway_command, gateway_config, repository_of, stored_repository_of
from clmdeploy.model.errors import InvalidInput

GATEWAY = Gateway(
    address="10.0.0.5:8000",
    certificate="/crt",
    key="/key",
    client_authority="/clients",
    bucket="files",
    endpoint="https://s3:8333",
    keys={"AWS_ACCESS_KEY_ID": "/id", "AWS_SECRET_ACCESS_KEY": "/secret"},
)


def test_hosts_are_known_by_certificate_and_may_only_add() -> None:
    """No password, no object cache, no old TLS."""
    command = gateway_command(GATEWAY)
    wanted = {"--append-only", "--private-repos", "--cache-objects=false", "--client-ca=/clients"}
    wanted.add("--min-tls-version=tls1.2")
    assert wanted < {*command.argv}
    assert command.argv[-1] == "store:files/restic/"
    assert command.secrets == GATEWAY.keys


def test_the_configuration_holds_no_key() -> None:
    """They come by environment variables."""
    text = gateway_config(GATEWAY)
    assert "env_auth = true\nendpoint = https://s3:8333\n" in text
    assert "access_key" not in text


def test_one_repository_has_two_addresses() -> None:
    """Through the gateway, and on the backup host without it."""
    assert repository_of("app1", "backup1:8000") == "rest:https://backup1:8000/app1/"
    assert stored_repository_of("app1", GATEWAY) == "s3:https://s3:8333/files/restic/app1"


@pytest.mark.parametrize(
    "change", [{"address": "backup1:8000"}, {"address": "10.0.0.5:8000\n"}, {"bucket": "b\nx = y"}]
)
def test_values_with_a_second_meaning_are_refused(change: dict[str, str]) -> None:
    """A line more is a setting more."""
    with pytest.raises(InvalidInput):
        gateway_command(GATEWAY.model_copy(update=change))


def test_an_endpoint_is_one_line() -> None:
    """The same in the file."""
    with pytest.raises(InvalidInput, match="endpoint"):
        gateway_config(GATEWAY.model_copy(update={"endpoint": "https://s3\nenv_auth = false"}))
