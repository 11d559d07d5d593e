"""Secrets by reference: clm.yml says where a secret is, and only the runtime looks there, when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from clmdeploy.config.fields import FilePath, VariableName
from clmdeploy.config.files import read_private, read_public, under
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.secret import REDACTED, Secret
from clmdeploy.model.value import Value

_WAYS = "write {env: NAME}, {file: PATH} or an ansible-vault !vault value"
VAULT_HEADER = "$ANSIBLE_VAULT;"


def _vaulted(text: str) -> str:
    if not text.startswith(VAULT_HEADER) or len(text) > 65536:
        raise ValueError("must be the output of `ansible-vault encrypt_string`, beginning with $ANSIBLE_VAULT")
    return text


class SecretReference(Value):
    """Where a secret is: exactly one of a variable's name, a file's path, an ansible-vault ciphertext."""

    env: VariableName | None = Field(
        None, description="Environment variable that holds it.", examples=["CLM_S3_SECRET_KEY"]
    )
    file: FilePath | None = Field(
        None, description="File that holds it, readable by its owner only.", examples=["secrets/s3-secret-key"]
    )
    vault: Annotated[str, AfterValidator(_vaulted)] | None = Field(
        None,
        description="Output of `ansible-vault encrypt_string`; `!vault |` reads as this.",
        examples=["$ANSIBLE_VAULT;1.1;AES256"],
    )

    @model_validator(mode="before")
    @classmethod
    def _never_literal(cls, value: Any) -> Any:  # Any: whatever stood in the file
        if isinstance(value, (cls, Mapping)):
            return value
        raise ValueError(f"a secret never stands in clm.yml: {_WAYS}")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(f"must say one place: {_WAYS}")
        return self

    def shown(self) -> dict[str, str]:
        """The reference for people and JSON: names and paths as they are, ciphertext redacted."""
        return {way: REDACTED if way == "vault" else place for way, place in self.model_dump(exclude_none=True).items()}

    def path(self, base_directory: Path) -> Path | None:
        """The file it points to (relative to the directory of clm.yml), or None when it is kept another way."""
        return under(base_directory, self.file) if self.file else None


def resolve(
    reference: SecretReference, base_directory: Path, environ: Mapping[str, str], *, key: str = "secret"
) -> Secret:
    """Reads the secret that `reference` points to. `key` is its key path in clm.yml, for messages.

    A file's one closing newline is dropped where the file is a single line (editors add it); a key of many lines is
    kept as it is. Raises InvalidInput when the variable is unset, the file can't be used, or the vault doesn't open.
    """
    source = f"{base_directory / 'clm.yml'}: {key}"
    if reference.env:
        return _from_environment(reference.env, environ, source)
    if reference.file:
        path = under(base_directory, reference.file)
        # The public half of a key that ssh-agent holds is no secret: it may be as readable as ssh-keygen leaves it.
        text = read_public(path, source) if path.suffix == ".pub" else read_private(path, source)
        return Secret(text.rstrip("\r\n") if text.count("\n") <= 1 else text)
    from clmdeploy.config.vault import decrypt  # Ansible is imported only where a vault is used

    return decrypt(reference.vault or "", environ, source)


def _from_environment(name: str, environ: Mapping[str, str], source: str) -> Secret:
    value = environ.get(name, "")
    if not value:
        raise InvalidInput(f"{source}: environment variable {name} is not set", f"set {name}, then run it again")
    return Secret(value)
