"""The image's recipe and what is taken over from the machine's apt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clmdeploy.lab.cache import built_beside, prune
from clmdeploy.lab.image import Recipe, apt_settings, mirror

DUMP = """\
APT "";
Acquire "";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::deb.example "DIRECT";
Acquire::IndexTargets "";
Acquire::cdrom::mount "/media/cdrom/";
DPkg::Post-Invoke:: "touch /tmp/x";
"""


def test_any_change_of_the_recipe_is_another_image() -> None:
    """Suite, packages and script all decide the image's name."""
    recipe = Recipe.read()
    others = (
        replace(recipe, suite="forky"), replace(recipe, packages=recipe.packages[1:]), replace(recipe, post="true\n"),
    )  # fmt: skip
    assert len({recipe.digest, *(other.digest for other in others)}) == 4
    assert Recipe.read().digest == recipe.digest


def test_proxies_and_date_checks_are_taken_over_and_hooks_are_not() -> None:
    """Of the machine's apt settings the image gets those that reach the mirror, and no commands."""
    kept = apt_settings(DUMP).splitlines()
    assert kept[:3] == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::http::Proxy::deb.example "DIRECT";',
    ]
    assert all(
        line.startswith(("Acquire::Languages", "Acquire::Retries", "Acquire::http::Timeout")) for line in kept[3:]
    )


def test_the_machines_own_debian_mirror_is_used() -> None:
    """The first repository that is a Debian archive serves the image; without one, Debian's own does."""
    assert mirror("https://apt.example/tools/\nhttp://near.example/debian/\n") == "http://near.example/debian"
    assert mirror("http://near.example/ubuntu/\n") == "http://deb.debian.org/debian"


def test_a_build_that_fails_leaves_nothing_and_a_killed_one_is_cleared(tmp_path: Path) -> None:
    """The target appears whole or not at all; scratch of a killed builder goes with the next build."""
    target = tmp_path / "digest"
    (tmp_path / ".digest.killed").mkdir()
    with pytest.raises(FileNotFoundError), built_beside(target) as scratch:
        (scratch / "missing" / "half").touch()
    assert list(tmp_path.iterdir()) == []
    with built_beside(target) as scratch:
        (scratch / "whole").touch()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_images_in_use_outlive_those_that_nobody_wanted_for_an_hour(tmp_path: Path) -> None:
    """Pruning spares what a lab stands on, what was wanted lately, and what is being built."""
    for name in ("used", "old", ".building"):
        (tmp_path / name).mkdir()
    moment = (tmp_path / "old").stat().st_mtime
    prune(tmp_path, frozenset(), moment + 60)
    assert (tmp_path / "old").is_dir()
    prune(tmp_path, frozenset({tmp_path / "used"}), moment + 7200)
    assert {path.name for path in tmp_path.iterdir()} == {"used", ".building"}
