from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit
from guild_plugins.stages.events import WorkplaceBegun
from tests.commands.repos import GUILD, git, isolate, make_repository

CONFIG = """
[scopes.core]
paths = ["core"]
[scopes.web]
paths = ["web"]
[workplaces]
copy = [".env"]
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    write(folder, "guild.toml", CONFIG)
    write(folder, ".gitignore", ".env\nignored\n")
    write(folder, "core/a", "1\n")
    write(folder, "web/a", "1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    write(folder, ".env", "SECRET=1\n")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def place(repo: Path, name: str) -> Path:
    return repo.with_name("repo.guild") / name


def commit(folder: Path, name: str, text: str = "2\n") -> str:
    write(folder, name, text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "change")
    return git(folder, "rev-parse", "HEAD").decode()


def branches(repo: Path) -> list[str]:
    return git(repo, "for-each-ref", "--format=%(refname)", "refs/heads").decode().split()


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert cli.main(["status", "--json"]) == Exit.DONE
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["workplaces"]
    return found


def assert_nothing_left(repo: Path) -> None:
    assert branches(repo) == ["refs/heads/main"]
    assert not repo.with_name("repo.guild").exists()
    assert not (repo / ".git/worktrees").exists()
    assert not (repo / ".git/guild/places").exists()
    git(repo, "fsck", "--strict")


# -- starting ------------------------------------------------------------------


def test_each_scope_gets_a_branch_and_a_locked_work_tree_beside_the_repository(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["start", "fix", "core", "web"]) == Exit.DONE

    assert branches(repo) == [
        "refs/heads/guild/fix/core",
        "refs/heads/guild/fix/web",
        "refs/heads/main",
    ]
    for scope in ("core", "web"):
        tree = place(repo, f"fix/{scope}")
        assert git(tree, "symbolic-ref", "HEAD").decode() == f"refs/heads/guild/fix/{scope}"
        assert git(tree, "status", "--porcelain") == b""
        assert (tree / ".env").read_text() == "SECRET=1\n"
    listed = git(repo, "worktree", "list", "--porcelain")
    assert listed.count(b"\nlocked guild:") == 2
    assert b"branch." not in git(repo, "config", "--list")
    assert cli.main(["doctor"]) == Exit.DONE


def test_without_names_every_scope_is_started(repo: Path) -> None:
    cli.main(["start", "all"])

    assert sorted(os.listdir(place(repo, "all"))) == ["core", "web"]  # noqa: PTH208


def test_started_again_it_stays_as_it_is(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["start", "fix", "core"])
    write(place(repo, "fix/core"), "core/a", "changed\n")
    before = rows(capsys)

    assert cli.main(["start", "fix", "core"]) == Exit.DONE

    assert "(was there)" in capsys.readouterr().out
    assert [row["path"] for row in rows(capsys)] == [row["path"] for row in before]
    assert (place(repo, "fix/core") / "core/a").read_text() == "changed\n"


def test_each_place_has_ports_caches_and_a_temporary_folder_of_its_own(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix", "core", "web", "--json"])
    started = json.loads(capsys.readouterr().out)["started"]

    values = []
    for one in started:
        script = f'. "{one["env_file"]}"; echo $GUILD_PORT $TMPDIR $XDG_CACHE_HOME $GUILD_HOLDER'
        words = subprocess.check_output(["sh", "-c", script], text=True).split()
        assert Path(words[1]).is_dir()
        assert Path(words[2]).is_dir()
        assert int(words[0]) == one["ports"][0]
        values += words
    assert len(set(values)) == len(values)
    assert not set(started[0]["ports"]) & set(started[1]["ports"])
    assert values[3] == "fix/core"


def test_a_copy_that_git_does_not_ignore_is_no_change(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo, "guild.toml", CONFIG.replace('".env"', '"conf/- é.env", ".env"'))
    git(repo, "commit", "-qam", "copies")
    write(repo, "conf/- é.env", "SECRET=1\n")
    cli.main(["start", "fix"])

    assert (place(repo, "fix/core") / "conf/- é.env").read_text() == "SECRET=1\n"
    assert [row["dirty"] for row in rows(capsys)] == [[], []]
    assert cli.main(["stop", "fix", "core"]) == Exit.DONE

    write(place(repo, "fix/web"), "conf/- é.env", "SECRET=2\n")
    assert rows(capsys)[0]["dirty"] == ["conf/"]
    assert cli.main(["stop", "fix"]) == Exit.NO
    write(place(repo, "fix/web"), "conf/- é.env", "SECRET=1\n")
    git(place(repo, "fix/web"), "add", "-A")
    assert cli.main(["stop", "fix"]) == Exit.NO
    git(place(repo, "fix/web"), "reset", "-q")
    assert cli.main(["stop", "fix"]) == Exit.DONE
    assert_nothing_left(repo)


def test_a_task_must_be_nameable_and_a_scope_must_exist(repo: Path) -> None:
    assert cli.main(["start", "../x", "core"]) == Exit.USAGE
    assert cli.main(["start", "--", "-x", "core"]) == Exit.USAGE
    assert cli.main(["start", "fix", "nope"]) == Exit.USAGE
    assert_nothing_left(repo)


def test_what_is_in_the_way_is_named_and_left(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place(repo, "fix"), "core", "mine")
    assert cli.main(["start", "fix", "core"]) == Exit.USAGE
    assert "is there already" in capsys.readouterr().err
    assert place(repo, "fix/core").read_text() == "mine"


@pytest.mark.parametrize("name", ["guild", "guild/fix"])
def test_a_branch_where_git_needs_a_folder_is_named_and_does_no_harm(
    repo: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    git(repo, "branch", name)

    assert cli.main(["start", "fix", "core"]) == Exit.USAGE

    assert f"there is a branch {name!r}" in capsys.readouterr().err
    assert branches(repo) == [f"refs/heads/{name}", "refs/heads/main"]
    assert rows(capsys) == []
    git(repo, "branch", "-m", name, "other")
    assert cli.main(["start", "fix", "core"]) == Exit.DONE


def test_a_work_place_is_never_inside_a_work_tree(repo: Path) -> None:
    write(repo, "guild.toml", CONFIG + 'folder = "places"\n')

    assert cli.main(["start", "fix", "core"]) == Exit.USAGE

    assert not (repo / "places").exists()
    assert branches(repo) == ["refs/heads/main"]


def test_a_branch_that_is_there_goes_on_where_it_is(repo: Path) -> None:
    git(repo, "branch", "guild/fix/core")
    commit(repo, "web/a")

    assert cli.main(["start", "fix", "core"]) == Exit.DONE
    assert cli.main(["stop", "fix", "core"]) == Exit.DONE
    git(repo, "branch", "guild/fix/core", "main~1")
    assert cli.main(["start", "fix", "core", "--base", "main"]) == Exit.USAGE


def test_before_the_first_commit_nothing_can_start(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_repository(tmp_path / "fresh"))

    assert cli.main(["start", "fix", "root"]) == Exit.USAGE


def test_started_and_stopped_from_a_linked_work_tree(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.main(["start", "one", "core"])
    monkeypatch.chdir(place(repo, "one/core"))

    assert cli.main(["start", "two", "web"]) == Exit.DONE
    assert cli.main(["stop", "two"]) == Exit.DONE
    assert cli.main(["stop", "one"]) == Exit.DONE

    assert_nothing_left(repo)


def test_a_small_job_needs_no_work_tree(repo: Path) -> None:
    write(repo, "core/a", "begun\n")

    assert cli.main(["start", "fix", "core", "--no-worktree"]) == Exit.DONE

    assert git(repo, "symbolic-ref", "--short", "HEAD") == b"guild/fix/core"
    assert (repo / "core/a").read_text() == "begun\n"
    assert cli.main(["stop", "fix"]) == Exit.NO
    commit(repo, "core/a")
    assert cli.main(["stop", "fix"]) == Exit.NO
    git(repo, "update-ref", "refs/heads/main", "HEAD")
    assert cli.main(["stop", "fix"]) == Exit.DONE
    assert git(repo, "symbolic-ref", "--short", "HEAD") == b"main"
    assert git(repo, "status", "--porcelain") == b""
    assert_nothing_left(repo)


# -- setting up ----------------------------------------------------------------


def test_a_set_up_command_runs_only_when_it_is_trusted(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "echo $GUILD_PORT > ignored"
    write(repo, "guild.toml", CONFIG + f"setup = ['sh', '-c', '{script}']\n")
    git(repo, "commit", "-qam", "setup")

    assert cli.main(["start", "fix", "core"]) == Exit.NO
    assert "not-trusted" in capsys.readouterr().err
    assert not (place(repo, "fix/core") / "ignored").exists()
    assert rows(capsys)[0]["state"] == "made"

    assert cli.main(["trust", "--show"]) == Exit.NO
    assert "workplaces.setup: sh -c" in capsys.readouterr().out
    assert cli.main(["trust"]) == Exit.DONE
    assert cli.main(["start", "fix", "core"]) == Exit.DONE
    assert (place(repo, "fix/core") / "ignored").read_text().strip().isdigit()
    assert rows(capsys)[0]["state"] == "ready"


def test_trust_ends_with_another_configuration_and_is_for_one_clone(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo, "guild.toml", CONFIG + "setup = ['true']\n")
    cli.main(["trust"])
    assert cli.main(["trust", "--show"]) == Exit.DONE
    assert not list(repo.rglob("trust"))

    write(repo, "guild.toml", CONFIG + "setup = ['false']\n")
    assert cli.main(["trust", "--show"]) == Exit.NO
    write(repo, "guild.toml", CONFIG + "setup   = ['true'] # laid out otherwise\n")
    assert cli.main(["trust", "--show"]) == Exit.DONE
    git(repo, "commit", "-qam", "setup")
    git(tmp_path, "clone", "-q", str(repo), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert cli.main(["trust", "--show"]) == Exit.NO
    monkeypatch.chdir(repo)
    cli.main(["trust", "--revoke"])
    assert cli.main(["trust", "--show"]) == Exit.NO


def test_a_set_up_that_fails_is_told_and_can_be_repeated(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo, "guild.toml", CONFIG + "setup = ['sh', '-c', 'test -e ignored']\n")
    git(repo, "commit", "-qam", "setup")
    cli.main(["trust"])

    assert cli.main(["start", "fix", "core"]) == Exit.NO
    assert "setup-failed" in capsys.readouterr().err
    write(place(repo, "fix/core"), "ignored", "")
    assert cli.main(["start", "fix", "core"]) == Exit.DONE


def test_a_folder_is_copied_and_what_git_has_is_left_alone(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo, "guild.toml", CONFIG.replace('".env"', '"local", "local/a b", "core/a", "no such"'))
    write(repo, ".gitignore", "local\n")
    git(repo, "commit", "-qam", "copies")
    for name in ("local/a b", "local/deep/c", "local/.git/config"):
        write(repo, name, "1\n")
    (repo / "local/link").symlink_to("a b")
    write(repo, "core/a", "not committed\n")

    assert cli.main(["start", "fix", "core"]) == Exit.DONE

    tree = place(repo, "fix/core")
    found = sorted(str(path.relative_to(tree)) for path in (tree / "local").rglob("*"))
    assert found == ["local/a b", "local/deep", "local/deep/c"]
    assert (tree / "core/a").read_text() == "1\n"
    assert cli.main(["stop", "fix"]) == Exit.DONE


def test_files_are_not_copied_through_links(repo: Path, tmp_path: Path) -> None:
    (repo / ".env").unlink()
    (repo / ".env").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("x")

    cli.main(["start", "fix", "core"])

    assert not os.path.lexists(place(repo, "fix/core") / ".env")


# -- stopping ------------------------------------------------------------------


def test_what_is_clean_and_merged_is_removed(repo: Path) -> None:
    cli.main(["start", "fix"])
    commit(place(repo, "fix/core"), "core/a")
    git(repo, "merge", "-q", "guild/fix/core")

    assert cli.main(["stop", "fix"]) == Exit.DONE

    assert_nothing_left(repo)


def test_what_was_squashed_is_merged(repo: Path) -> None:
    cli.main(["start", "fix", "core"])
    for text in ("2\n", "3\n"):
        commit(place(repo, "fix/core"), "core/a", text)
    git(repo, "merge", "-q", "--squash", "guild/fix/core")
    git(repo, "commit", "-qm", "squashed")
    commit(repo, "web/a")

    assert cli.main(["stop", "fix"]) == Exit.DONE

    assert_nothing_left(repo)


def unmerged(tree: Path) -> None:
    commit(tree, "core/a")


def untracked(tree: Path) -> None:
    write(tree, "new", "x")


def staged(tree: Path) -> None:
    write(tree, "core/a", "x")
    git(tree, "add", "-A")


def unstaged(tree: Path) -> None:
    write(tree, "core/a", "x")


def staged_and_changed_back(tree: Path) -> None:
    staged(tree)
    write(tree, "core/a", "1\n")


def hidden_change(tree: Path) -> None:
    git(tree, "update-index", "--assume-unchanged", "core/a")
    write(tree, "core/a", "x")


def changed_copy(tree: Path) -> None:
    write(tree, ".env", "x")


def nested(tree: Path) -> None:
    commit(make_repository(tree / "nested"), "a")


def in_a_rebase(tree: Path) -> None:
    (tree / git(tree, "rev-parse", "--git-dir").decode() / "rebase-merge").mkdir()


def relocked(tree: Path) -> None:
    git(tree, "worktree", "unlock", str(tree))
    git(tree, "worktree", "lock", "--reason", "mine", str(tree))


def elsewhere(tree: Path) -> None:
    git(tree, "checkout", "-q", "-b", "other")


WORK: list[Callable[[Path], None]] = [
    unmerged,
    untracked,
    staged,
    unstaged,
    staged_and_changed_back,
    hidden_change,
    changed_copy,
    nested,
    in_a_rebase,
    relocked,
    elsewhere,
]


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_what_would_be_lost_is_kept_and_named(
    repo: Path, work: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix", "core"])
    tree = place(repo, "fix/core")
    work(tree)
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    status = git(tree, "status", "--porcelain")

    assert cli.main(["stop", "fix", "core"]) == Exit.NO

    assert "fix/core  kept: " in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before
    assert git(tree, "status", "--porcelain") == status
    assert "refs/heads/guild/fix/core" in branches(repo)


def test_a_lease_that_is_held_there_keeps_it(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.main(["start", "fix", "core"])
    cli.main(["lock", "core/a", "--as", "fix/core"])
    assert cli.main(["stop", "fix"]) == Exit.NO
    cli.main(["unlock", "--all", "--as", "fix/core"])
    assert cli.main(["stop", "fix"]) == Exit.DONE


@pytest.mark.parametrize("work", WORK[:5], ids=lambda work: work.__name__)
def test_with_a_backup_it_is_removed_and_nothing_lost(
    repo: Path, work: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix", "core"])
    tree = place(repo, "fix/core")
    work(tree)
    files = {
        str(path.relative_to(tree)): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and path.name not in (".git", ".env")
    }
    index = git(tree, "write-tree").decode()

    assert cli.main(["stop", "fix", "--backup"]) == Exit.DONE

    backup = capsys.readouterr().out.split()[-1]
    for name, content in files.items():
        shown = subprocess.check_output(["git", "cat-file", "blob", f"{backup}:{name}"], cwd=repo)
        assert shown == content
    trees = git(repo, "log", "--format=%T", backup).decode().split()
    assert index in trees
    git(repo, "update-ref", "-d", backup)
    assert_nothing_left(repo)


def test_a_dry_run_says_what_would_be_and_changes_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix"])
    write(place(repo, "fix/web"), "new", "x")
    before = rows(capsys)

    assert cli.main(["stop", "fix", "--dry-run"]) == Exit.NO

    out = capsys.readouterr().out
    assert "fix/core  would be removed" in out
    assert "fix/web  kept: it has changes" in out
    assert rows(capsys) == before


def test_what_is_not_there_cannot_be_stopped(repo: Path) -> None:
    assert cli.main(["stop", "fix"]) == Exit.USAGE


# -- looking -------------------------------------------------------------------


def test_status_shows_commits_changes_leases_and_the_last_event(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix", "core"])
    tree = place(repo, "fix/core")
    commit(tree, "core/a")
    write(tree, "core/a", "3\n")
    write(tree, "new", "")
    commit(repo, "web/a")
    commit(repo, "web/a", "3\n")
    cli.main(["lock", "--scope", "core", "--as", "bob"])
    git(repo, "branch", "guild/parked/web")

    first, second = rows(capsys)

    assert (first["task"], first["scope"], first["state"]) == ("fix", "core", "ready")
    assert (first["ahead"], first["behind"]) == (1, 2)
    assert first["dirty"] == ["core/a", "new"]
    assert first["leases"] == ["bob: scope core (write)"]
    assert first["last"][0] == "WorkplaceReady"  # type: ignore[index]
    assert (second["task"], second["state"], second["path"]) == ("parked", "branch", None)
    assert cli.main(["status"]) == Exit.DONE
    assert "fix     core   ready" in capsys.readouterr().out


# -- crashes -------------------------------------------------------------------


def begin(repo: Path, task: str) -> WorkplaceBegun:
    """Note a work place as if the process had died before it made anything."""
    base = git(repo, "rev-parse", "HEAD").decode()
    begun = WorkplaceBegun(
        id=task,
        at=time.time(),
        scope="core",
        place=f"id-{task}",
        operation="dead",
        task=task,
        branch=f"refs/heads/guild/{task}/core",
        path=str(place(repo, f"{task}/core")),
        git_dir=None,
        onto="refs/heads/main",
        base=base,
        makes_branch=True,
        number=0,
    )
    cli.main(["lock", "x"])  # makes the folders
    Workplaces(Journal(place_in(repo / ".git"))).record(begun)
    return begun


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5])
def test_what_a_dead_process_left_half_made_is_taken_away(
    repo: Path, steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = begin(repo, "fix")
    if steps > 0:
        git(repo, "branch", "guild/fix/core")
    if steps > 3:  # made as `add_worktree` does it, and killed before git knows of it
        admin, tree = repo / ".git/worktrees/core", Path(begun.path)
        tree.mkdir(parents=True)
        if steps > 4:
            admin.mkdir(parents=True)
            (tree / ".git").write_text(f"gitdir: {admin}\n")
    elif steps > 1:
        reason = ["--lock", "--reason", f"guild:{begun.place}"]
        git(repo, "worktree", "add", "-q", *reason, begun.path, "guild/fix/core")
    if steps == 3:
        for name in ("HEAD", "commondir", "gitdir", "index"):
            (repo / ".git/worktrees/core" / name).unlink()

    capsys.readouterr()
    cli.main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)["ailments"]
    assert [one["kind"] for one in found] == ["half-made"]

    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert_nothing_left(repo)
    assert cli.main(["start", "fix", "core"]) == Exit.DONE


def test_a_work_tree_that_somebody_put_there_since_is_not_taken_away(repo: Path) -> None:
    begun = begin(repo, "fix")
    git(repo, "worktree", "add", "-q", "-b", "theirs", begun.path)

    assert cli.main(["doctor", "--fix"]) == Exit.DONE

    assert (Path(begun.path) / "core/a").exists()
    assert git(Path(begun.path), "status", "--porcelain") == b""


@pytest.mark.parametrize("setting", ["core.sparseCheckout", "extensions.worktreeConfig", None])
def test_a_work_tree_is_what_git_would_make(repo: Path, setting: str | None) -> None:
    if setting is not None:
        git(repo, "config", setting, "true")
        git(repo, "config", "core.repositoryFormatVersion", "1")
    git(repo, "branch", "side")
    git(repo, "worktree", "add", "-q", str(repo.parent / "beside/core"), "side")

    assert cli.main(["start", "fix", "core"]) == Exit.DONE

    admins = repo / ".git/worktrees"
    theirs, ours = ({path.name for path in (admins / n).iterdir()} for n in ("core", "core1"))
    assert ours == {*theirs, "locked"}
    tree = place(repo, "fix/core")
    assert git(tree, "status", "--porcelain") == b""
    assert git(tree, "rev-parse", "HEAD") == git(repo, "rev-parse", "HEAD")
    git(repo, "fsck", "--strict")


def test_a_removal_that_was_interrupted_goes_on_or_is_taken_back(repo: Path) -> None:
    for change in (False, True):
        cli.main(["start", "fix", "core"])
        tree = place(repo, "fix/core")
        script = (
            "import os, signal\n"
            "from guild_plugins.delivery import removing, settling\n"
            "settling.what_changed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "from guild_plugins.cli import main\n"
            "main(['stop', 'fix'])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=repo, check=False)
        assert done.returncode == -signal.SIGKILL
        assert not tree.exists()
        (hidden,) = tree.parent.glob(".gone-*")
        if change:
            write(hidden, "core/a", "written meanwhile")

        assert cli.main(["doctor", "--fix"]) == Exit.DONE

        if change:
            assert (tree / "core/a").read_text() == "written meanwhile"
            assert git(tree, "status", "--porcelain") == b" M core/a"
        else:
            assert_nothing_left(repo)


def test_files_that_cannot_be_deleted_are_told(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix", "core"])
    rmtree = shutil.rmtree

    def stubborn(path: Path, *, ignore_errors: bool) -> None:
        if not Path(path).name.startswith(".gone-"):
            rmtree(path, ignore_errors=ignore_errors)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stubborn)
        assert cli.main(["stop", "fix"]) == Exit.NO
    (left,) = place(repo, "fix").glob(".gone-*")
    assert str(left) in capsys.readouterr().err

    assert cli.main(["doctor"]) == Exit.NO
    assert "left-files" in capsys.readouterr().out
    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert not left.exists()
    assert cli.main(["start", "fix", "core"]) == Exit.DONE


@pytest.mark.parametrize("name", [".gone-", "web", "fix", "repo.guild", "cache"])
def test_no_folder_stays_without_a_word(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    cli.main(["start", "fix", "core"])
    rmdir = os.rmdir

    def full(path: str | Path, **at: int) -> None:
        if Path(path).name.startswith(name):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        rmdir(path, **at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", full)
        assert cli.main(["stop", "fix"]) == Exit.NO
    assert "not all of its files could be deleted" in capsys.readouterr().err

    if name in ("fix", ".gone-", "web"):
        assert cli.main(["stop", "fix"]) == Exit.DONE
    elif name == "cache":
        assert cli.main(["doctor", "--fix"]) == Exit.DONE
        assert not list((repo / ".git/guild/places").iterdir())
    assert not place(repo, "fix").exists()
    assert cli.main(["stop", "fix"]) == Exit.USAGE


def test_all_is_done_though_nobody_reads_what_is_told(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("start", "stop"):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w", buffering=1) as gone, monkeypatch.context() as patch:  # noqa: PTH123
            patch.setattr(sys, "stdout", gone)
            assert cli.main([command, "fix"]) == Exit.DONE
        assert place(repo, "fix/web").exists() == (command == "start")
    assert_nothing_left(repo)


def test_a_task_named_by_a_path_reaches_no_folder(repo: Path) -> None:
    empty = repo.with_name("empty")
    empty.mkdir()
    assert cli.main(["stop", "../empty"]) == Exit.USAGE
    assert empty.exists()
    assert not (repo / ".git/guild").exists()


def test_many_at_once_all_start(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*GUILD, "start"]
    lanes = [
        subprocess.Popen([*command, f"t{lane}"], cwd=repo, stdout=subprocess.DEVNULL)
        for lane in range(6)
    ]

    assert [lane.wait(120) for lane in lanes] == [0] * 6

    assert len(rows(capsys)) == 12
    assert {row["state"] for row in rows(capsys)} == {"ready"}
    assert len(git(repo, "worktree", "list").splitlines()) == 13
    git(repo, "fsck", "--strict")


def test_a_work_tree_that_was_deleted_is_found(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "fix"])
    subprocess.run(["rm", "-rf", str(place(repo, "fix/core"))], check=True)
    git(repo, "worktree", "unlock", str(place(repo, "fix/web")))
    git(repo, "worktree", "remove", str(place(repo, "fix/web")))

    capsys.readouterr()
    assert cli.main(["doctor"]) == Exit.NO
    assert capsys.readouterr().out.count("lost-tree: ") == 2
    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert rows(capsys)[0]["state"] == "branch"
    assert not (repo / ".git/worktrees").exists()
