"""What looks like a secret is taken out of texts that are handed on; everything else stays readable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.model.redaction import redact_json, redact_log, redact_text
from clmdeploy.model.secret import REDACTED

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nhunter2hunter2\n-----END OPENSSH PRIVATE KEY-----"
PREFIX = "2026-07-01T12:00:00+00:00 app1 web[12]: "


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://clm:hunter2@db1:5432/clm",
        "cannot reach 'postgres+psycopg://clm:hun%40ter2@db1/clm'".replace("hun%40ter2", "hunter2"),
        "https://:hunter2@proxy.example.ru:3128",
        "amqp://clm:a@hunter2@mq1/",
        "postgresql://clm:pass@w/hunter2@db1/clm",
        "postgresql://clm:pass?w@hunter2@db1/clm",
        "password=hunter2",
        "password = 'hunter2 and more hunter2'",
        'PGPASSWORD="hunter2"',
        "CLM_S3_SECRET_KEY=hunter2",
        "db_passwd: hunter2",
        '{"user": "clm", "password": "hunter2", "port": 5432}',
        r"{\"user\": \"clm\", \"password\": \"hunter2\"}",
        '{"password": "hun\\"hunter2"}',
        'password="hunter2 never closed',
        "api-key: hunter2",
        '{"tokens": ["one", "hunter2"]}',
        "Пароль: hunter2",
        "<db:password>hunter2</db:password>",
        '<Password type="plain">hunter2 hunter2</Password>',
        "ALTER USER clm WITH ENCRYPTED PASSWORD 'it''s hunter2'",
        'create user clm identified by "hunter2"',
        "curl -u admin:hunter2 https://db1/",
        "curl --user 'admin:my hunter2' https://db1/",
        "curl --proxy-user=admin:hunter2 https://db1/",
        "mysqldump --opt -h db1 -phunter2 clm",
        "mysql -p'my hunter2' clm",
        "--password hunter2 --verbose",
        "--auth-token=hunter2",
        "Authorization: Bearer hunter2hunter2",
        "'Authorization': 'Basic hunter2'",
        "sent bearer hunter2.hunter2",
        "Set-Cookie: session=hunter2; Path=/",
        "GET /clm/bundle?X-Amz-Algorithm=AWS4&X-Amz-Signature=hunter2&X-Amz-Expires=60",
        "x-amz-security-token%3Dhunter2",
        "https://s3/b?AWSAccessKeyId=hunter2&Signature=hunter2",
        KEY,
        "".join(f"{PREFIX}{line}\n" for line in KEY.split("\n")),
        KEY.replace("\n", "\\n"),
        "before\n" + KEY.rpartition("-----END")[0],
        "hunter2hunter2\n" + KEY.partition("hunter2hunter2\n")[2],
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2\n{PREFIX}hunter2",
    ],
)
def test_no_secret_stays(text: str) -> None:
    """Passwords of addresses, settings, options and headers; presigned addresses; keys, whole and cut off."""
    assert "hunter2" not in redact_text(text)
    assert "hunter2" not in redact_log(text)
    assert "hunter2" not in json.dumps(redact_json({"message": text}))


@pytest.mark.parametrize("key", ["glpat-abcdefghijklmnopqrst", "ghp_abcdefghijklmnopqrstuv", "AKIAABCDEFGHIJKLMNOP"])
def test_keys_that_show_what_they_are_go(key: str) -> None:
    """Wherever they stand."""
    assert key not in redact_text(f"cloning with {key} now")


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T12:00:00+00:00 app1 systemd[1]: Started clm-web.service - CLM web service.",
        "stale token 4: this host has already seen 5; another change took over",
        "https://s3.example.ru:8334/clm-releases/clm/1.2.0/release.json",
        "the key SHA256:fukrZ2C7kTjb1H/S1aVOc8FwwNg5b6aBV+mCuDaNJiE is not among allowed_signers",
        "/var/lib/clmdeploy/tokens.json: Permission denied",
        "6f1ed002ab5595859014ebf0951522d9a1b2c3d4e5f60718293a4b5c6d7e8f90 is the digest",
        "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ\n-----END SSH SIGNATURE-----",
        "mail to admin@example.ru: basic authentication failed",
        "https://s3.example.ru:8334/clm-releases/by@somebody/1.2.0",
        "postgresql://db1:5432/clm?application_name=clm@app1",
        "the password is not set; identified by nobody",
        "mysql -P3306 -p clm: psql -u clm, sudo --user clm id",
    ],
)
def test_other_words_stay(text: str) -> None:
    """Else nobody could tell what happened."""
    assert redact_text(text) == redact_log(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    """Who could not reach what is what people look for."""
    assert redact_text("cannot reach postgresql://clm:hunter2@db1/clm: timeout") == (
        f"cannot reach postgresql://clm:{REDACTED}@db1/clm: timeout"
    )
    logged = "".join(f"{PREFIX}{line}\n" for line in ["before", *KEY.split("\n"), "after"])
    assert redact_text(logged) == f"{PREFIX}before\n{PREFIX}{REDACTED}\n{PREFIX}after\n"


def test_a_log_has_no_pieces_of_keys() -> None:
    """The beginning of a key may have been logged before the time that is asked for."""
    piece = "Zm9v" * 17
    assert piece not in redact_log(f"{PREFIX}{piece}\n")
    assert piece in redact_text(piece)


def test_json_keeps_its_shape() -> None:
    """Numbers and references under a secret's name are none; a string there is, and a list of them."""
    value = {
        "token": 7,
        "secret_key": {"file": "secrets/key"},
        "password": "hunter2",
        "tokens": [7, "hunter2", ["hunter2", ""], {"file": "secrets/key"}],
        "list": ["password=hunter2", None],
    }
    assert redact_json(value) == {
        "token": 7, "secret_key": {"file": "secrets/key"}, "password": REDACTED,
        "tokens": [7, REDACTED, [REDACTED, ""], {"file": "secrets/key"}], "list": [f"password={REDACTED}", None],
    }  # fmt: skip


PIECES = [
    *"ab1:=@/\"'\\ \n-&?<>[]",
    "password",
    " -u ",
    "mysql -p",
    "identified by ",
    "://",
    "token",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """So it does not matter who has redacted before."""
    once = redact_text(text)
    assert redact_text(once) == once
