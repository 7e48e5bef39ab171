"""``guild land --mend``: a worker is asked before a person is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import git, isolate
from tests.delivery.landing.repos import Trunk

GOOD = "def f():\n    return 2\n"
TEST = f'{sys.executable} -c "from core.a import f; assert f() == 2"'
WORKER = """
import json, subprocess, sys
report = json.load(open(sys.argv[1]))
with open(sys.argv[2], "a") as asked:
    print(report["kind"], sys.argv[3], file=asked)
if sys.argv[4] == "mends":
    open("core/a.py", "w").write("def f():\\n    return 2\\n")
if sys.argv[4] != "idles":
    open("core/n.py", "a").write("N = 1\\n")
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-qm", "mended"], check=True)
"""


@pytest.fixture
def trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trunk:
    """Return a repository with a branch that fails its tests, in a work place."""
    isolate(tmp_path / "home", monkeypatch)
    trunk = Trunk.make(tmp_path / "repo")
    monkeypatch.chdir(trunk.top)
    assert cli.main(["start", "t", "core"]) == Exit.DONE
    place = tmp_path / "repo.guild/t/core"
    (place / "core/a.py").write_text("def f():\n    return 0\n")
    git(place, "commit", "-qam", "broken")
    (tmp_path / "worker.py").write_text(WORKER)
    return trunk


def land(
    trunk: Trunk, capsys: pytest.CaptureFixture[str], how: str, *words: str
) -> tuple[int, dict[str, Any], list[str]]:
    capsys.readouterr()
    folder = trunk.top.parent
    asked = folder / "asked"
    worker = f"{sys.executable} {folder}/worker.py {{report}} {asked} {{trunk}} {how}"
    words = ("--test-command", TEST, "--mend", worker, *words)
    code = cli.main(["land", "t/core", "--onto", "main", "--json", *words])
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said["outcomes"][0], asked.read_text().splitlines() if asked.exists() else []


def test_what_the_worker_commits_is_tested_and_landed(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    code, outcome, asked = land(trunk, capsys, "mends")

    assert (code, outcome["kind"], asked) == (Exit.DONE, "landed", ["tests main"])
    assert trunk.text("core/a.py") == GOOD


def test_it_is_asked_a_bounded_number_of_times(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    code, outcome, asked = land(trunk, capsys, "fails", "--mend-times", "2")

    assert (code, outcome["kind"], len(asked)) == (Exit.NO, "tests", 2)


def test_one_that_changes_nothing_is_not_asked_again(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    code, outcome, asked = land(trunk, capsys, "idles", "--mend-times", "3")

    assert (code, outcome["kind"], len(asked)) == (Exit.NO, "tests", 1)


def test_a_dry_run_asks_nobody(trunk: Trunk, capsys: pytest.CaptureFixture[str]) -> None:
    (trunk.top.parent / "repo.guild/t/core/web/b.py").write_text("X = 1\n")
    git(trunk.top.parent / "repo.guild/t/core", "commit", "-qam", "others' files")

    code, outcome, asked = land(trunk, capsys, "mends", "--dry-run")

    assert (code, outcome["kind"], asked) == (Exit.NO, "gates", [])
