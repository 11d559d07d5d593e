"""Opening one ansible-vault value with Ansible's own code; imported only where a vault is used."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, get_file_vault_secret

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.secret import Secret

_VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE"


def decrypt(ciphertext: str, environ: Mapping[str, str], source: str) -> Secret:
    """The plain value. The password comes from the file (or program) that $ANSIBLE_VAULT_PASSWORD_FILE names.

    Raises InvalidInput, beginning with `source`, when there is no password or the vault doesn't open with it.
    """
    password_file = environ.get(_VARIABLE, "")
    if not password_file:
        raise InvalidInput(f"{source}: the vault is locked", f"set {_VARIABLE} to the file that holds its password")
    try:
        password = get_file_vault_secret(filename=password_file, vault_id="default", loader=DataLoader())
        password.load()
        plain = VaultLib([("default", password)]).decrypt(ciphertext.strip())
    except AnsibleError as error:
        hint = f"check that {password_file} holds the password it was encrypted with"
        raise InvalidInput(f"{source}: the vault doesn't open: {error.message}", hint) from error
    return Secret(plain.decode())
