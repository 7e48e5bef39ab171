"""A clone that nobody trusts: every file and every setting in it that could run something does.

What would run writes into a file outside of the clone; none may.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.errors import Exit
from tests.git.repos import commit, git, make, write
from tests.graph.boundaries.books import scopes

GUILD = Path(sys.executable).parent / "guild"

MODULES = ("conftest", "setup", "sitecustomize", "usercustomize", "json", "argparse", "hostile")
"""What is imported by somebody if a clone's directory is on Python's path."""

HOOKS = ("pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman")

COMMANDS = (
    ("check",),
    ("check", "--staged"),
    ("check", "--tree", "HEAD"),
    ("check", "--range", "HEAD^..HEAD", "--format", "sarif"),
    ("affected", "--base", "HEAD^", "--explain"),
    ("scopes",),
    ("scopes", "--check"),
    ("matrix", "--shards", "2", "--affected", "--base", "HEAD^"),
    ("locks",),
    ("events",),
    ("doctor",),
    ("plugins",),
)


@pytest.fixture
def spy(tmp_path: Path) -> Path:
    """Return a program that leaves a trace beside it, and fails."""
    script = tmp_path / "spy"
    script.write_text(f'#!/bin/sh\necho "$0 $@" >> "{tmp_path}/trace"\nexit 1\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def clone(tmp_path: Path, spy: Path) -> Path:
    origin = make(tmp_path / "origin", {"guild.toml": scopes(), "a/x.py": "import b\n"}).top
    write(origin, {"a/test_x.py": "", "b/y.py": "", "pytest.ini": "[pytest]\n"})
    commit(origin)
    git(origin, "config", "uploadpack.allowFilter", "true")
    top = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--filter=blob:none", origin.as_uri(), str(top))
    trap = f"open({str(tmp_path / 'trace')!r}, 'a').write(__file__)\n"
    write(top, {f"{name}.py": trap for name in MODULES})
    write(top, {f"hooks/{name}": spy.read_text() for name in HOOKS})
    write(top, {"pytest.ini": "[pytest]\naddopts = -p hostile\npythonpath = .\n"})
    write(top, {".gitattributes": "* filter=x diff=x merge=x\n", "a/x.py": "import b, a.z\n"})
    for name in HOOKS:
        (top / "hooks" / name).chmod(0o755)
    git(top, "add", "a/x.py")
    for key, value in _settings(spy, top):
        git(top, "config", key, value)
    for path in top.rglob("*.py"):
        os.utime(path, (1, 1))  # so that git has to look at the content again
    return top


def _settings(spy: Path, top: Path) -> list[tuple[str, str]]:
    plain = "core.fsmonitor core.pager core.editor core.sshCommand core.askPass gpg.program"
    plain += " diff.external diff.x.command diff.x.textconv filter.x.clean filter.x.smudge"
    plain += " filter.x.process merge.x.driver interactive.diffFilter core.alternateRefsCommand"
    plain += " remote.origin.uploadpack core.gitProxy"
    names = ("ls-files", "diff-index", "diff-files", "cat-file", "rev-parse")
    return [
        *((key, f"{spy} {key}") for key in plain.split()),
        *((f"alias.{name}", f"!{spy} {name}") for name in names),
        ("filter.x.required", "true"),
        ("credential.helper", f"!{spy}"),
        ("core.hooksPath", str(top / "hooks")),
        ("submodule.recurse", "true"),
    ]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_of_a_clone_is_run(clone: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [GUILD, *words], cwd=clone, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )

    assert not (clone.parent / "trace").exists(), (clone.parent / "trace").read_text()
    assert done.returncode in (Exit.DONE, Exit.NO), done.stderr
    assert b"Traceback" not in done.stderr


def test_the_traps_work(clone: Path) -> None:
    subprocess.run(["git", "status"], cwd=clone, check=False, capture_output=True)

    assert "core.fsmonitor" in (clone.parent / "trace").read_text()


@pytest.mark.parametrize("seed", range(3))
def test_names_of_any_bytes_are_judged_and_printed(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    letters = [bytes([n]) for n in range(1, 256) if n != ord("/")]
    names = {b"".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(40)}
    top = make(tmp_path / "repo", {"guild.toml": scopes(a="depends_on = []")}).top
    (top / "a").mkdir()
    for name in names:
        Path(os.fsdecode(os.fsencode(top) + b"/a/" + name + b".py")).write_bytes(b"import b\n")
    write(top, {"b/__init__.py": "", "a/-f/test_--.py": "import b\n"})
    git(top, "add", "-A")

    for words in (("check",), ("check", "--staged"), ("affected",)):
        done = subprocess.run([GUILD, *words], cwd=top, capture_output=True, timeout=120)

        assert b"Traceback" not in done.stderr
        lines = done.stdout.decode().splitlines()
        assert all(line.isprintable() for line in lines)
        if words[0] == "check":
            assert sum(": depends-on: " in line for line in lines) == len(names) + 1
        else:
            assert "a/-f/test_--.py" in lines
