"""Which files belong to a restore point: what the release declares, and what the settings add. Pure."""

from __future__ import annotations

from clmdeploy.backups.layout import Layout
from clmdeploy.model.hosts import Host
from clmdeploy.releases.manifest import Release


def trees_of(layout: Layout, release: Release | None) -> dict[str, tuple[str, ...]]:
    """Host → paths, each once, in the inventory's order; hosts without any are left out."""
    found = {
        host.name: tuple(dict.fromkeys((*_declared(layout, release, host), *_added(layout, host))))
        for host in layout.parties.all
    }
    return {host: paths for host, paths in found.items() if paths}


def _declared(layout: Layout, release: Release | None, host: Host) -> list[str]:
    """Shared trees on the hosts that own them, environment files wherever the release runs."""
    if release is None:
        return []
    root, manifest = layout.settings.install.root, release.manifest
    shared = [f"{root}/shared/{one.path}" for one in manifest.shared if one.owner in host.groups]
    runs_here = {component.group for component in manifest.components} & set(host.groups)
    return [*shared, *(f"{root}/{path}" for path in (manifest.environment_files if runs_here else ()))]


def _added(layout: Layout, host: Host) -> list[str]:
    wanted = layout.backup.files.paths
    return [path for group in sorted(wanted) if group in host.groups for path in wanted[group]]
