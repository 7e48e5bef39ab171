from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import GUILD, git, isolate, make_repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    (folder / "guild.toml").write_text("[scopes.core]\npaths = ['core']\n")
    (folder / "core").mkdir()
    for name in ("core/a", "b"):
        (folder / name).write_text("1")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    words = " ".join(f"'{word}'" for word in GUILD)
    for name in ("pre-commit", "pre-merge-commit"):
        hook = folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nexec {words} hook {name}\n")
        hook.chmod(0o755)
    return folder


def commits(folder: Path, *args: str) -> tuple[bool, str]:
    command = ["git", "commit", "-qm", "x", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def edit(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("2")


def test_what_nobody_else_holds_is_committed(repo: Path) -> None:
    edit(repo, "core/a", "b")

    assert commits(repo, "-a") == (True, "")


@pytest.mark.parametrize("branch", ["main", "guild/fix/core"])
def test_a_commit_pays_for_no_import_that_it_does_not_need(repo: Path, branch: str) -> None:
    git(repo, "checkout", "-q", "-B", branch)
    edit(repo, "core/a")
    git(repo, "add", "-A")
    cli.main(["hook", "pre-commit"])  # keeps what the configuration says
    script = (
        "import sys\nfrom guild_plugins.cli import main\n"
        "code = main(['hook', 'pre-commit'])\nprint(code, *sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repo, capture_output=True, text=True, check=True
    )

    code, *modules = done.stdout.split()
    assert code == "0"
    dear = {"asyncio", "dataclasses", "importlib.metadata", "inspect", "pluggy", "pydantic"}
    dear |= {
        "pygit2",
        "sqlite3",
        "guild_plugins.coordination.journal",
        "guild_plugins.scopes.project",
    }
    assert dear.isdisjoint(modules)


def test_whose_a_path_is_follows_the_configuration_as_staged(repo: Path) -> None:
    git(repo, "checkout", "-qb", "guild/fix/core")
    edit(repo, "b")
    git(repo, "add", "b")
    assert cli.main(["hook", "ownership"]) == Exit.NO
    assert cli.main(["hook", "ownership"]) == Exit.NO  # as kept

    (repo / "guild.toml").write_text("[scopes.core]\npaths = ['core', 'b', 'guild.toml']\n")
    assert cli.main(["hook", "ownership"]) == Exit.NO
    git(repo, "add", "guild.toml")
    assert cli.main(["hook", "ownership"]) == Exit.DONE

    for kept in (repo / ".git/guild").glob("owners-*"):
        kept.write_text('{"key": 1')
    assert cli.main(["hook", "ownership"]) == Exit.DONE


def test_what_somebody_else_has_a_lease_on_is_not_committed(repo: Path) -> None:
    cli.main(["lock", "core", "--as", "bob"])
    edit(repo, "core/a")

    done, said = commits(repo, "-a")

    assert not done
    assert "bob has a lease on core (write)" in said


def test_of_a_partial_commit_only_its_paths_are_judged(repo: Path) -> None:
    cli.main(["lock", "core", "--as", "bob"])
    edit(repo, "core/a", "b")
    git(repo, "add", "-A")

    assert commits(repo, "--", "core/a")[0] is False
    assert commits(repo, "--", "b")[0] is True
    assert git(repo, "diff", "--cached", "--name-only") == b"core/a"


def test_a_scopes_branch_takes_no_other_paths(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "guild/t/core")
    edit(repo, "core/a", "b")

    done, said = commits(repo, "-a")

    assert not done
    assert "'b': owned by root, and this branch is for core" in said
    assert commits(repo, "--", "core/a")[0] is True


def test_who_works_under_a_lease_that_is_over_cannot_commit(repo: Path) -> None:
    edit(repo, "b")
    script = ["sh", "-c", "sleep 0.4; git commit -qam x"]

    assert cli.main(["lock", "b", "--ttl", "0.2", "--", *script]) == 1
    assert cli.main(["lock", "b", "--", *script]) == Exit.DONE


def test_a_first_commit_and_what_is_only_intended_are_judged_right(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(repo, "new")
    git(repo, "add", "-N", "new")
    cli.main(["lock", "new", "--as", "bob"])
    edit(repo, "b")
    git(repo, "add", "b")
    assert cli.main(["hook", "pre-commit"]) == Exit.DONE

    fresh = make_repository(tmp_path / "fresh")
    edit(fresh, "a")
    git(fresh, "add", "a")
    monkeypatch.chdir(fresh)
    assert cli.main(["hook", "pre-commit"]) == Exit.DONE
    cli.main(["lock", "a", "--as", "bob"])
    assert cli.main(["hook", "pre-commit"]) == Exit.NO


def test_a_merge_is_judged(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "side")
    edit(repo, "core/a")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    edit(repo, "b")
    git(repo, "commit", "-qam", "main")
    cli.main(["lock", "core", "--as", "bob"])

    done = subprocess.run(
        ["git", "merge", "-q", "--no-edit", "side"], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "bob has a lease on core" in done.stderr


def test_what_a_merge_brings_is_not_this_branchs_own_change(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "checkout", "-q", "-b", "guild/fix/core")
    edit(repo, "core/a")
    git(repo, "commit", "-qam", "ours")
    git(repo, "checkout", "-q", "main")
    edit(repo, "b")
    git(repo, "commit", "-qam", "theirs")
    git(repo, "checkout", "-q", "guild/fix/core")
    hook = repo / ".git/hooks/pre-merge-commit"
    hook.write_text("#!/bin/sh\n[ ! -e .git/MERGE_HEAD ] && env | grep -q ^GITHEAD_\n")
    hook.chmod(0o755)
    git(repo, "merge", "-q", "--no-edit", "main")  # so git says it, whose merge is not written yet
    git(repo, "reset", "-q", "--hard", "HEAD^")
    git(repo, "merge", "-q", "--no-commit", "main")

    def says() -> list[int]:
        return [cli.main(["hook", "pre-commit"]), cli.main(["check", "--staged"])]

    assert says() == [Exit.DONE, Exit.DONE]
    head = (repo / ".git/MERGE_HEAD").read_text().strip()
    (repo / ".git/MERGE_HEAD").unlink()
    assert says() == [Exit.NO, Exit.NO]
    monkeypatch.setenv(f"GITHEAD_{head}", "main")
    assert says() == [Exit.DONE, Exit.DONE]
    (repo / "b").write_text("3")
    git(repo, "add", "b")
    assert says() == [Exit.NO, Exit.NO]


def test_guild_commit_passes_its_own_hook(repo: Path) -> None:
    edit(repo, "core/a", "b")

    assert cli.main(["commit", "--all", "-m", "x"]) == Exit.DONE
