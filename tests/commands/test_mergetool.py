from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.delivery.conftest import Repo

GUILD = f"{sys.executable} -m guild_plugins.start mergetool"
FILES = '"$BASE" "$LOCAL" "$REMOTE" "$MERGED"'
BASE = "x = 1\ny = 2\nz = f(a, b)\n"
OURS = BASE.replace("a,", "\n    c,")
THEIRS = BASE.replace("f(", "g(")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository that git itself merges, and in which ``guild mergetool`` is the tool."""
    repo = Repo(tmp_path, driver="git merge-file -q --marker-size=%L %A %O %B")
    repo.git("config", "merge.tool", "guild")
    repo.git("config", "mergetool.guild.trustExitCode", "true")
    repo.git("config", "mergetool.keepBackup", "false")
    return repo


def _resolve(repo: Repo, option: str, code: int) -> None:
    repo.git("config", "mergetool.guild.cmd", f"{GUILD} {option} {FILES}")
    repo.git("merge", "topic", code=1)
    repo.git("mergetool", "--no-prompt", code=code)


def test_git_mergetool_takes_what_the_rules_are_sure_of(repo: Repo) -> None:
    repo.fork({"NEWS": "# 1\n"}, {"NEWS": "# 1\n- one fix\n"}, {"NEWS": "# 1\n- two more\n"})

    _resolve(repo, "", code=0)

    assert repo.text("NEWS") == "# 1\n- one fix\n- two more\n"
    assert repo.git("ls-files", "-u") == ""


def test_what_is_proposed_is_taken_only_when_asked_for(repo: Repo) -> None:
    repo.fork({"m.py": BASE}, {"m.py": OURS}, {"m.py": THEIRS})

    _resolve(repo, "", code=1)
    left = repo.text("m.py")
    repo.git("config", "mergetool.guild.cmd", f"{GUILD} --yes {FILES}")
    repo.git("mergetool", "--no-prompt")

    assert "<<<<<<<" in left
    assert repo.text("m.py") == "x = 1\ny = 2\nz = g(\n    c, b)\n"


def test_what_no_rule_settles_stays_in_conflict(repo: Repo) -> None:
    repo.fork({"a.txt": "one\n"}, {"a.txt": "two\n"}, {"a.txt": "three\n"})

    _resolve(repo, "--yes", code=1)

    assert repo.text("a.txt").count("<<<<<<<") == 1
