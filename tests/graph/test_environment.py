from __future__ import annotations

import json
from pathlib import Path

import pytest

from guild_plugins.graph.environment import (
    Environment,
    EnvironmentInvalid,
    as_text,
    differences,
    from_file,
    observe,
)


def install(folder: Path, name: str, version: str, origin: Path | None = None) -> None:
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(parents=True)
    if origin is not None:
        (metadata / "direct_url.json").write_text(json.dumps({"url": origin.as_uri()}))


def test_python_platform_packages_and_declared_variables_are_observed(tmp_path: Path) -> None:
    site, later, top = tmp_path / "site", tmp_path / "later", tmp_path / "repo"
    install(site, "Some_Thing", "1.0")
    install(later, "some_thing", "2.0")
    install(later, "other", "3.0", tmp_path / "repo2")
    install(site, "own", "0.1.dev7", top / "sub")
    install(top / "src", "developed", "0.1")
    install(top / ".venv/site-packages", "inside", "1")
    path = [str(p) for p in (site, later, top / "src", top / ".venv/site-packages", tmp_path / "x")]

    found = observe(top, ("TZ", "UNSET"), {"TZ": "secret", "HOME": "h"}, path)

    assert {name: v for name, v in found.items() if name.startswith("package")} == {
        "package some-thing": "1.0",
        "package other": "3.0",
        "package inside": "1",
    }
    assert found.keys() >= {"Python", "platform", "variable TZ"}
    assert "variable UNSET" not in found
    assert "secret" not in as_text(found)


def test_differences_are_told_in_words() -> None:
    before: Environment = {
        "Python": "CPython 3.11.7",
        "package a": "1",
        "package b": "1",
        "variable T": "x",
        "variable U": "x",
        "platform": "linux",
    }
    after = {
        "Python": "CPython 3.12.0",
        "package a": "2",
        "package c": "1",
        "variable T": "y",
        "variable V": "x",
        "platform": "linux",
    }

    assert differences(before, before) == ()
    assert differences(before, after) == (
        "Python CPython 3.12.0, was CPython 3.11.7",
        "a 2, was 1",
        "package b is not installed",
        "package c is installed",
        "variable T has another value",
        "variable U is not set",
        "variable V is set",
    )


def test_what_is_written_down_can_be_read(tmp_path: Path) -> None:
    place = tmp_path / "e.json"
    found = observe(tmp_path, (), {}, ())

    assert from_file(place) is None
    place.write_text(as_text(found))
    assert from_file(place) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9, "facts": {}}', '{"facts": 1}'])
def test_a_file_that_says_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)

    with pytest.raises(EnvironmentInvalid):
        from_file(tmp_path / "e.json")
