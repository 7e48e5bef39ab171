"""Lock files made anew by their tools; the tools here are scripts of the same name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_plugins.plugins.barriers import TOOLS
from guild_plugins.plugins.loading import load_plugins
from guild_plugins.stages import hookspecs
from guild_plugins.stages.models import BarrierRequest, Undecided


def resolve(folder: Path, path: str) -> object:
    request = BarrierRequest(
        path=path, directory=str(folder), base=b"", wanted={"trunk": b"1", "core": b"2"}
    )
    calls = load_plugins({"GUILD_DISABLE_PLUGINS": "*"}).within(60)
    answer = calls.first(hookspecs.guild_resolve_barrier, request=request)
    return answer.value if answer is not None else None


def install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("name", TOOLS)
def test_each_lock_file_is_made_by_its_tool_where_it_lies(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, *arguments = TOOLS[name]
    install(tmp_path / "bin", tool, f'echo "$@" > {name}', monkeypatch)
    (tmp_path / "sub").mkdir()

    assert resolve(tmp_path, f"sub/{name}") == f"{' '.join(arguments)}\n".encode()


def test_a_tool_that_fails_leaves_the_file_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", "uv", "echo no network >&2; exit 3", monkeypatch)

    found = resolve(tmp_path, "uv.lock")

    assert isinstance(found, Undecided)
    assert found.reason == "uv lock ended with 3: no network"


def test_a_tool_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = resolve(tmp_path, "poetry.lock")

    assert found == Undecided(reason="poetry is not installed, which makes it anew")


def test_other_barriers_are_nobodys(tmp_path: Path) -> None:
    assert resolve(tmp_path, "conftest.py") is None
