"""Gates of other packages, as ``guild check`` asks them: in a process of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guild_plugins.errors import Exit
from tests.git.repos import commit, git, make, write
from tests.graph.boundaries.books import scopes
from tests.plugins.distributions import guild, write_plugin

NO_TODO = """
from pathlib import Path

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.stages.hookspecs import hookimpl

@hookimpl
def guild_check(request):
    print("noise")
    found = []
    for path in request.changed:
        file = Path(request.directory, path)
        lines = file.read_text().splitlines() if file.is_file() else []
        found += [
            Violation("no-todo", path, n, f"{request.scope.id} has {line}", request.scope.id)
            for n, line in enumerate(lines, 1) if "TODO" in line
        ]
    found.append(Violation("seen", "-", 1, f"{request.base} {request.changed}", is_warning=True))
    return found
"""

FILES = {"guild.toml": scopes(a="depends_on = []", b=""), "a/x.py": "x = 1\n", "b/y.py": "y = 1\n"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return make(tmp_path / "clone", FILES).top


def judge(*args: str, site: Path, top: Path, **environ: str) -> tuple[int, Mapping[str, Any]]:
    done = guild("check", "--format", "json", *args, site=site, cwd=top, **environ)
    return done.returncode, json.loads(done.stdout)


def places(data: Mapping[str, Any], rule: str = "no-todo") -> list[tuple[str, int, str]]:
    return [(v["path"], v["line"], v["message"]) for v in data["violations"] if v["rule"] == rule]


def test_a_gate_judges_each_scope_of_what_is_staged(site: Path, top: Path) -> None:
    write_plugin(site, "todo", NO_TODO)
    write(top, {"a/x.py": "TODO 1\nTODO 2\n", "b/y.py": "TODO 3\n", "README": "TODO 4\n"})
    git(top, "add", "-A")
    write(top, {"a/x.py": "x = 1\n"})

    code, data = judge("--staged", site=site, top=top)

    head = git(top, "rev-parse", "HEAD").strip()
    assert code == Exit.NO
    assert places(data) == [
        ("README", 1, "root has TODO 4"),
        ("a/x.py", 1, "a has TODO 1"),
        ("a/x.py", 2, "a has TODO 2"),
        ("b/y.py", 1, "b has TODO 3"),
    ]
    assert (f"{head} ('b/y.py',)") in [message for _, _, message in places(data, "seen")]
    assert places(judge("--staged", "--scope", "b", site=site, top=top)[1]) == [
        ("b/y.py", 1, "b has TODO 3")
    ]
    assert places(judge("--staged", site=site, top=top, GUILD_DISABLE_PLUGINS="todo")[1]) == []


def test_a_gate_judges_commits_that_are_not_checked_out_and_the_work_tree(
    site: Path, top: Path
) -> None:
    write_plugin(site, "todo", NO_TODO)
    write(top, {"a/x.py": "TODO\n"})
    marked = commit(top)
    write(top, {"a/x.py": "x = 1\n", "b/new.py": "TODO\n"})

    found = {
        args: [path for path, _, _ in places(judge(*args, site=site, top=top)[1])]
        for args in ((), ("--tree", marked), ("--range", f"{marked}^..{marked}"))
    }

    assert list(found.values()) == [["b/new.py"], ["a/x.py"], ["a/x.py"]]


def test_the_baseline_knows_what_a_gate_found(site: Path, top: Path) -> None:
    write_plugin(site, "todo", NO_TODO)
    write(top, {"a/x.py": "TODO\n"})

    guild("check", "--baseline", site=site, cwd=top)
    code, data = judge(site=site, top=top)

    assert (code, places(data)) == (Exit.DONE, [])
    assert [v["rule"] for v in data["known"]] == ["no-todo"]


def test_a_gate_that_cannot_judge_is_shut(site: Path, top: Path) -> None:
    write_plugin(site, "bad", NO_TODO.replace("found = []", "raise ValueError('oh')"))
    write_plugin(site, "worse", "raise SystemExit(0)")
    write_plugin(site, "other", "def guild_land(): pass\n")
    write(top, {"a/x.py": "x = 2\n", "b/y.py": "y = 2\n"})
    git(top, "add", "-A")

    code, data = judge("--staged", site=site, top=top)

    kinds = [fault["kind"] for fault in data["faults"]]
    assert (code, data["clean"]) == (Exit.PLUGIN, False)
    assert kinds == ["plugin-unloadable", "plugin-raised", "plugin-raised"]
    for form in ("sarif", "github", "text"):
        done = guild("check", "--format", form, site=site, cwd=top)
        assert done.returncode == Exit.PLUGIN
        assert "raised in guild_check" in done.stdout + done.stderr


def test_a_gate_that_lies_in_the_clone_is_not_loaded(site: Path, top: Path) -> None:
    site.mkdir()
    write_plugin(top / "src", "hostile", f"open({str(site / 'ran')!r}, 'w')\n")
    path = os.pathsep.join((str(top / "src"), str(Path(__file__).parents[2])))

    codes = [
        guild("check", site=site, cwd=folder, PYTHONPATH=path).returncode
        for folder in (top, top / "a")
    ]
    codes.append(guild("-C", str(top), "check", site=site, cwd=site, PYTHONPATH=path).returncode)

    assert codes == [Exit.DONE] * 3
    assert list(site.iterdir()) == []
