"""A hostile clone stays silent: judging runs nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git.repos import git, make, write
from tests.graph.boundaries.books import scopes

EVIL = "import pathlib\npathlib.Path({marker!r}).touch()\n"


@pytest.mark.parametrize("args", [[], ["--staged"], ["--tree", "HEAD"], ["--range", "HEAD^..HEAD"]])
def test_nothing_of_the_repository_runs(tmp_path: Path, args: list[str]) -> None:
    marker = tmp_path / "ran"
    evil = EVIL.format(marker=str(marker))
    modules = (
        "conftest",
        "setup",
        "sitecustomize",
        "usercustomize",
        "json",
        "sqlite3",
        "dataclasses",
    )
    files: dict[str, str | bytes] = {f"{name}.py": evil for name in modules}
    files |= {f"a/m{n}.py": evil + f"x = {n}\n" for n in range(5)}
    files["guild.toml"] = scopes(a="depends_on = []")
    files[".gitattributes"] = "*.py filter=evil diff=evil\n"
    repo = make(tmp_path / "repo", files)
    git(repo.top, "commit", "-q", "--allow-empty", "-m", "second")
    script = repo.top / ".git" / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    script.chmod(0o755)
    hooks = repo.top / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "pre-commit", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{marker}'\n")
        (hooks / name).chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "filter.evil.clean", "filter.evil.process"):
        git(repo.top, "config", key, str(script))
    git(repo.top, "config", "diff.evil.textconv", str(script))
    git(repo.top, "config", "diff.external", str(script))
    write(repo.top, {"a/m0.py": evil + "import c\n", "a/new.py": "import json\n"})
    quiet = ("core.fsmonitor=false", "filter.evil.clean=", "filter.evil.process=")
    settings = [word for setting in quiet for word in ("-c", setting)]
    git(repo.top, *settings, "-c", f"core.hooksPath={os.devnull}", "add", "a")
    marker.unlink(missing_ok=True)

    done = subprocess.run(
        [Path(sys.executable).parent / "guild", "check", *args], cwd=repo.top, check=False
    )

    assert done.returncode in (0, 1)
    assert not marker.exists()
