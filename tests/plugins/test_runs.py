"""``guild run`` with plugins of other packages: what they add, and whom their faults harm."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from guild_plugins.git.process import git_environment
from tests.plugins.distributions import EXAMPLE, guild, install, write_plugin

LISTENER = """
import os
from guild_plugins.stages.hookspecs import hookimpl

@hookimpl
def guild_event(event):
    with open(os.environ["HEARD"], "a") as file:
        print(type(event).__name__, event.id, file=file)
"""

FAULTY = """
import os
import time
from guild_plugins.stages.hookspecs import hookimpl

@hookimpl
def guild_implement(request):
    match request.scope.id:
        case "raises":
            raise RuntimeError("boom")
        case "exits":
            os._exit(3)
        case "junk":
            return 5
        case "hoards":
            hoarded = [bytearray(32 << 20) for _ in range(64)]
            time.sleep(60)

@hookimpl
def guild_research(request):
    if request.scope.id == "unread":
        raise SystemExit("no")

@hookimpl
def guild_check(request):
    if request.scope.id == "gate":
        raise ValueError("shut")

@hookimpl
def guild_estimate(request):
    raise KeyError("unknown")

@hookimpl
def guild_event(event):
    raise OSError("deaf")
"""


FAULTS = ("raises", "exits", "junk", "hoards", "unread", "gate")


def repository(top: Path, *scopes: str) -> Path:
    top.mkdir()
    settings = ""
    for name in scopes:
        (top / name).mkdir()
        (top / name / "m.py").write_text("X = 1\n")
        settings += f'[tool.guild.scopes.{name}]\npaths = ["{name}"]\n'
    (top / "pyproject.toml").write_text(settings)
    git(top, "init", "-qb", "main")
    git(top, "config", "user.name", "n")
    git(top, "config", "user.email", "n@x")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    return top


def git(top: Path, *words: str) -> str:
    environ = {**git_environment({"PATH": "/usr/bin:/bin"}), "HOME": str(top)}
    done = subprocess.run(
        ["git", *words], cwd=top, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout


def committed(top: Path) -> dict[str, str]:
    """Return the content of each scope's module on its branch, where that has a commit."""
    branches = git(top, "branch", "--format=%(refname:short)", "--list", "guild/*").split()
    return {
        branch.rpartition("/")[2]: git(top, "show", f"{branch}:{branch.rpartition('/')[2]}/m.py")
        for branch in branches
        if git(top, "rev-list", "--count", f"main..{branch}").strip() == "1"
    }


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_a_plugin_does_a_stage_guards_the_commits_and_hears_what_happens(
    tmp_path: Path, site: Path
) -> None:
    install(EXAMPLE, site, tmp_path / "work")
    write_plugin(site, "listener", LISTENER)
    top = repository(tmp_path / "repo", "a", "b")
    heard = tmp_path / "heard"

    done = guild("run", "add licence headers", "--no-tests", site=site, cwd=top, HEARD=str(heard))

    assert done.returncode == 0, done.stdout + done.stderr
    licensed = "# SPDX-License-Identifier: MIT\nX = 1\n"
    assert committed(top) == {"a": licensed, "b": licensed}
    lines = [line.split() for line in heard.read_text().splitlines()]
    kinds = Counter(kind for kind, _ in lines)
    assert (kinds["RunStarted"], kinds["RunEnded"], kinds["UnitFinished"]) == (1, 1, 14)
    assert lines[-1][0] == "RunEnded"
    assert len({id for _, id in lines}) == len(lines)

    other = guild(
        "run", "other", "--no-tests", "--rounds=1", "--scope=a", "--",
        "sh", "-c", "echo 'X = 2' > a/m.py", site=site, cwd=top, HEARD=str(heard),
    )  # fmt: skip

    assert other.returncode == 1
    assert "a/check failed: a/m.py:1: has no licence header [licence-header]" in other.stdout


def test_a_broken_plugin_is_named_and_harms_the_units_alone_that_it_was_asked_for(
    tmp_path: Path, site: Path
) -> None:
    write_plugin(site, "faulty", FAULTY)
    top = repository(tmp_path / "repo", *FAULTS, "well")

    done = guild(
        "run", "t", "--no-tests", "--rounds=1", "--", "sh", "-c", "echo 'X = 2' > $0/m.py",
        "{scope}", site=site, cwd=top,
    )  # fmt: skip

    failed = [
        line.partition(" failed: ") for line in done.stdout.splitlines() if " failed: " in line
    ]
    told = {unit: reason for unit, _, reason in failed if not unit.startswith("failed")}
    assert done.returncode == 1, done.stdout + done.stderr
    assert committed(top) == {"well": "X = 2\n"}
    assert set(told) == {
        *(f"{name}/implement" for name in FAULTS[:4]), "unread/research", "gate/check",
    }  # fmt: skip
    named = "Plugin 'faulty' (guild-faulty 1.0)"
    assert f"{named} raised in guild_implement: RuntimeError: boom" in told["raises/implement"]
    assert "its process ended with 3" in told["exits/implement"]
    assert "in memory, and 512 are allowed" in told["hoards/implement"]
    assert f"{named} gave an answer that cannot be used" in told["junk/implement"]
    assert f"{named} raised in guild_research: SystemExit: no" in told["unread/research"]
    assert f"{named} raised in guild_check: ValueError: shut" in told["gate/check"]
    assert f"{named} raised in guild_event: OSError: deaf" in done.stderr
    assert f"{named} raised in guild_estimate: KeyError: 'unknown'" in done.stderr
