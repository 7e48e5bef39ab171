from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import git, isolate, make_repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    (folder / "guild.toml").write_text("[scopes.core]\npaths = ['core']\n")
    (folder / "core").mkdir()
    commit(folder, "0")
    return folder


def commit(folder: Path, text: str) -> bytes:
    for name in ("core/a", "b"):
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    assert cli.main(["commit", "-m", text]) == Exit.DONE
    return git(folder, "rev-parse", "HEAD")


def test_all_commits_of_one_command_are_taken_back_and_staged_again(repo: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    second = commit(repo, "1")

    assert cli.main(["undo"]) == Exit.DONE

    assert git(repo, "rev-parse", "HEAD") == first
    assert git(repo, "diff", "--cached", "--name-only") == b"b\ncore/a"
    assert git(repo, "for-each-ref", "--format=%(objectname)", "refs/guild/backup") == second


def test_undo_goes_on_with_what_was_before(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = git(repo, "rev-parse", "HEAD")
    commit(repo, "1")
    commit(repo, "2")
    cli.main(["undo"])
    commit(repo, "3")

    codes = [cli.main(["undo"]) for _ in range(3)]

    assert codes == [Exit.DONE, Exit.DONE, Exit.UNSUPPORTED]
    assert git(repo, "rev-parse", "HEAD") == first
    assert "first-commit" in capsys.readouterr().err


def test_a_branch_that_git_has_moved_since_is_left_alone(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repo, "1")
    git(repo, "commit", "-q", "--allow-empty", "-m", "by git")
    head = git(repo, "rev-parse", "HEAD")

    assert cli.main(["undo"]) == Exit.CONTENDED

    assert "ref-moved" in capsys.readouterr().err
    assert git(repo, "rev-parse", "HEAD") == head


def test_branches_have_nothing_to_do_with_each_other(repo: Path) -> None:
    commit(repo, "1")
    git(repo, "checkout", "-q", "-b", "other")

    assert cli.main(["undo"]) == Exit.NO


def test_an_interrupted_undo_is_begun_again(repo: Path) -> None:
    second = commit(repo, "1").decode()
    git(repo, "update-ref", f"refs/guild/backup/{second[:16]}", second)

    assert cli.main(["undo"]) == Exit.DONE


def test_an_undo_that_was_killed_before_it_moved_the_branch_is_not_taken_for_done(
    repo: Path,
) -> None:
    first = git(repo, "rev-parse", "HEAD")
    commit(repo, "1")
    die = (
        "import os, signal\n"
        "from guild_plugins import cli\n"
        "from guild_plugins.delivery import operation\n"
        "operation.move_ref = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cli.main(['undo'])\n"
    )
    subprocess.run([sys.executable, "-c", die], cwd=repo, check=False)

    assert cli.main(["undo"]) == Exit.DONE

    assert git(repo, "rev-parse", "HEAD") == first
