"""The commented clm.yml is generated from the model, and holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from clmdeploy.config.example import render
from clmdeploy.config.settings import Environment, Storage


def test_the_example_holds() -> None:
    """`config example` validates as it is printed, with nothing but the required keys set."""
    content = yaml.safe_load(render())
    assert Environment.model_validate(content).name == "production"
    assert set(content) == {"format", "name", "uuid", "application", "storage"}
    assert set(content["storage"]) == {name for name, field in Storage.model_fields.items() if field.is_required()}


def test_the_example_holds_with_every_line_taken_in() -> None:
    """Taking away each `#` before a key gives every key there is, and still validates."""
    content: dict[str, Any] = yaml.safe_load(re.sub(r"(?m)^( *)#(?=\w)", r"\1", render()))
    assert set(content) == set(Environment.model_fields)
    assert Environment.model_validate(content).balancer is not None


def test_every_key_is_explained_where_it_stands() -> None:
    """Above each key there is a comment that says what it is and whether it is required."""
    lines = render().splitlines()
    keys = [index for index, line in enumerate(lines) if re.match(r" *#?[a-z_]+:", line)]
    assert len(keys) > 30
    assert all(re.search(r"\[(required|optional)\b|\]$", lines[index - 1]) for index in keys)


@pytest.mark.parametrize("name", ["yes", "null", "on", "x"])
def test_given_values_come_back(name: str) -> None:
    """What is put in is read out again, also where YAML would take a bare word for something else."""
    values = {"name": name, "rollout": {"batch": "25%"}, "balancer": {"backends": {"on": "a:b"}}}
    loaded = Environment.model_validate(yaml.safe_load(render(values)))
    assert (loaded.name, loaded.rollout.batch) == (name, "25%")
    assert loaded.balancer is not None
    assert loaded.balancer.backends == {"on": "a:b"}
