"""A small release directory, and what is built from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.releases.built import Built
from clmdeploy.releases.bundle import build

MANIFEST = """\
format: release/1
name: clm
version: 1.2.0
components:
  - name: web
    group: app
    units: [web.service]
    health:
      - http: http://127.0.0.1:8080/health
      - command: [bin/check, --quick]
    before_stop: [bin/drain]
shared:
  - {path: content, owner: worker}
environment_files: [shared/clm.env]
schema:
  needs: 1
  group: db
  version_command: [bin/schema, version]
  migrations:
    - {version: 1, kind: expand, apply: [bin/schema, up, "1"], revert: irreversible, oldest_compatible_app: 1.0.0}
documents: [docs/operations.md]
notes:
  ru: "Список абонентов **листается**: {{ не шаблон }}."
  en: Subscribers are paged.
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A release that can be built: manifest, unit, three hooks, a document, a link, a long UTF-8 name."""
    directory = tmp_path / "release"
    long_name = f"web/{'я' * 100}/Кампания «Лето».txt"
    for path, content in {
        "release.yml": MANIFEST,
        "units/web.service": "[Service]\nExecStart=/opt/clm/current/bin/web\n",
        "bin/check": "#!/bin/sh\n",
        "bin/drain": "#!/bin/sh\n",
        "bin/schema": "#!/bin/sh\n",
        "docs/operations.md": "# Эксплуатация\n",
        "web/empty": "",
        long_name: "text\n",
    }.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(0o755 if path.startswith("bin/") else 0o644)
    (directory / "web" / "tool").symlink_to("../bin/check")
    return directory


@pytest.fixture
def built(tree: Path, tmp_path: Path) -> Built:
    return build(tree, tmp_path / "out")
