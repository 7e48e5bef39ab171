"""Tests of the plugin, through Guild's own manager: what it does when it is installed."""

from __future__ import annotations

from pathlib import Path

import guild_headers

from guild_plugins.scopes.model import Scope
from guild_plugins.stages import hookspecs
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import GateRequest, Stage, StageRequest

CORE = Scope("core", ("src/core",))
CALLS = Plugins({"headers": guild_headers}).within(10)


def test_a_scope_gets_its_headers_and_then_passes_the_gate(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "other").mkdir()
    for path in ("a.py", "src/b.py", "src/notes.md", "other/c.py"):
        (tmp_path / path).write_text("x = 1\n")
    request = StageRequest(
        run="r1",
        task=guild_headers.TASK,
        stage=Stage.IMPLEMENT,
        scope=CORE,
        directory=str(tmp_path),
        paths=("a.py", "src"),
    )

    done = CALLS.first(hookspecs.guild_implement, request=request)

    assert done is not None
    assert done.value.changed == ("a.py", "src/b.py")
    assert judge(tmp_path, *done.value.changed) == []


def test_a_file_without_a_header_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")

    assert judge(tmp_path, "a.py", "gone.py", "notes.md") == ["a.py"]


def judge(folder: Path, *changed: str) -> list[str]:
    request = GateRequest(
        scope=CORE, scopes=(CORE,), directory=str(folder), base=None, changed=changed
    )
    (answer,) = CALLS.each(hookspecs.guild_check, request=request)
    return [violation.path for violation in answer.value]
