"""The same commands on repositories of every kind that git has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import isolate
from tests.git.repos import commit, git, make, write
from tests.graph.boundaries.books import scopes

FILES = {
    "guild.toml": scopes(a="depends_on = []"),
    "a/__init__.py": "",
    "a/x.py": "x = 1\n",
    "a/test_x.py": "from a import x\n",
    "b/__init__.py": "",
    "b/y.py": "y = 1\n",
    "c/deep/z.py": "z = 1\n",
}


def plain(place: Path, *init: str) -> Path:
    top = make(place / "repo", FILES, *init).top
    write(top, {"b/y.py": "y = 2\n"})
    commit(top)
    return top


def sparse(place: Path) -> Path:
    top = plain(place)
    git(top, "sparse-checkout", "set", "--cone", "--sparse-index", "a", "b")
    return top


def split(place: Path) -> Path:
    top = plain(place)
    git(top, "update-index", "--split-index")
    return top


def partial(place: Path) -> Path:
    origin = plain(place)
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(place, "clone", "-q", "--filter=blob:none", origin.as_uri(), "clone")
    return place / "clone"


def shallow(place: Path) -> Path:
    origin = plain(place)
    git(place, "clone", "-q", "--depth=2", origin.as_uri(), "clone")
    return place / "clone"


def linked(place: Path) -> Path:
    top = plain(place)
    git(top, "worktree", "add", "-q", "-b", "work", str(place / "work"))
    return place / "work"


def sha256(place: Path) -> Path:
    return plain(place, "--object-format=sha256")


def reftable(place: Path) -> Path:
    probe = ["git", "init", "-q", "--ref-format=reftable", str(place / "probe")]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("this git has no reftable")
    return plain(place, "--ref-format=reftable")


@pytest.fixture(params=[plain, sparse, split, partial, shallow, linked, sha256, reftable])
def top(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    make_it: Callable[[Path], Path] = request.param
    made = make_it(tmp_path)
    monkeypatch.chdir(made)
    return made


def test_check_affected_and_commit_do_the_same_everywhere(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def places(*words: str) -> list[tuple[str, str]]:
        cli.main(["check", "--format", "json", *words])
        return [(v["rule"], v["path"]) for v in json.loads(capsys.readouterr().out)["violations"]]

    assert places() == places("--tree", "HEAD") == places("--range", "HEAD^..HEAD") == []
    write(top, {"a/x.py": "import b.y\n", "b/y.py": "y = 3\n"})
    git(top, "add", "-A")
    assert places("--staged") == places() == [("depends-on", "a/x.py")]

    assert cli.main(["affected"]) == Exit.DONE
    assert capsys.readouterr().out.split() == ["a/test_x.py"]

    assert cli.main(["commit", "-m", "both"]) == Exit.NO
    assert cli.main(["commit", "-m", "both", "--no-verify"]) == Exit.DONE
    capsys.readouterr()
    subjects = git(top, "log", "-2", "--format=%s %(trailers:key=Scope,valueonly,separator=)")
    assert sorted(subjects.splitlines()) == ["both a", "both b"]
    assert git(top, "status", "--porcelain") == ""
    assert places("--range", "HEAD~2..HEAD") == [("depends-on", "a/x.py")]
    assert places("--tree", "HEAD") == [("depends-on", "a/x.py")]


def test_what_a_partial_clone_lacks_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(partial(tmp_path))

    assert cli.main(["check", "--tree", "HEAD^"]) == Exit.NO
    out = capsys.readouterr().out
    assert "b/y.py:1: unreadable: is not in this clone" in out
    assert out.count("unreadable") == 1
    assert cli.main(["affected", "--base", "HEAD^"]) == Exit.DONE
