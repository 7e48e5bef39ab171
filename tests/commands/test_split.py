from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import git, isolate, make_repository

CONFIG = """
[scopes.core]
paths = ["core"]
depends_on = []
[scopes.web]
paths = ["web"]
depends_on = ["core"]
"""

AUTHOR = {
    "GIT_AUTHOR_NAME": "Zoë",
    "GIT_AUTHOR_EMAIL": "z@example.org",
    "GIT_AUTHOR_DATE": "2001-02-03T04:05:06+0100",
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    write(folder, "guild.toml", CONFIG)
    mixed(folder, "first")
    mixed(folder, "second")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def mixed(folder: Path, text: str) -> str:
    """Commit a change in three scopes, as somebody else."""
    for name in ("core/a", "web/a", "README"):
        write(folder, name, f"{text}\n")
    git(folder, "add", "-A")
    environ = {**os.environ, **AUTHOR}
    command = ["git", "commit", "-qm", f"{text}\n\nFor a reason.\n\nTask: t1\nScope: none"]
    subprocess.run(command, cwd=folder, env=environ, check=True)
    return git(folder, "rev-parse", "HEAD").decode()


def log(folder: Path, form: str = "%s", *what: str) -> list[str]:
    return git(folder, "log", "--reverse", f"--format={form}", *what).decode().split("\n")


def state(folder: Path) -> tuple[bytes, ...]:
    """Return all that a refusal must leave as it was."""
    return (
        git(folder, "for-each-ref"),
        git(folder, "reflog", "--all"),
        git(folder, "status", "--porcelain=v2", "-z"),
        (folder / ".git/index").read_bytes(),
    )


def assert_clean(folder: Path) -> None:
    git(folder, "fsck", "--strict")
    assert not list((folder / ".git").rglob("*.lock"))
    assert os.listdir(folder / ".git/guild/work") == []  # noqa: PTH208
    assert os.listdir(folder / ".git/guild/holders") == []  # noqa: PTH208


def test_the_last_commit_becomes_one_for_each_scope(repo: Path) -> None:
    old = git(repo, "rev-parse", "HEAD^{tree}", "HEAD^")
    index = (repo / ".git/index").read_bytes()

    assert cli.main(["split"]) == Exit.DONE

    assert log(repo, "%s") == ["first", "second", "second", "second"]
    assert git(repo, "rev-parse", "HEAD^{tree}", "HEAD~3") == old
    scopes = log(repo, "%(trailers:key=Scope,valueonly,separator=)", "-3")
    assert scopes == ["root", "core", "web"]
    assert git(repo, "show", "-s", "--format=%B").decode() == (
        "second\n\nFor a reason.\n\nTask: t1\nScope: web\n"
    )
    who = git(repo, "show", "-s", "--format=%an %ae %aI %cn").decode()
    assert who == "Zoë z@example.org 2001-02-03T04:05:06+01:00 C"
    assert git(repo, "diff", "--name-only", "HEAD~2", "HEAD~1") == b"core/a"
    assert (repo / ".git/index").read_bytes() == index
    assert git(repo, "reflog", "--format=%gs", "-1") == b"guild split: second"
    assert_clean(repo)


def test_what_stood_on_an_older_commit_stands_on_the_chain_with_the_same_trees(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repo, "checkout", "-q", "-b", "side")
    write(repo, "web/b", "side\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "side")
    git(repo, "checkout", "-q", "main")
    mixed(repo, "third")
    git(repo, "merge", "-q", "--no-edit", "side")
    trees = set(log(repo, "%T"))
    capsys.readouterr()

    assert cli.main(["split", "HEAD^1^", "--json"]) == Exit.DONE

    report = json.loads(capsys.readouterr().out)
    assert [one["scope"] for one in report["commits"]] == ["root", "core", "web"]
    assert report["replayed"] == 3
    assert report["elsewhere"] == ["refs/heads/side"]
    assert trees < set(log(repo, "%T"))
    assert sorted(log(repo)) == ["Merge branch 'side'", "first", *["second"] * 3, "side", "third"]
    shared = git(repo, "merge-base", "HEAD^1", "HEAD^2").decode()
    assert shared == report["commits"][-1]["commit"]
    assert git(repo, "status", "--porcelain") == b""
    assert_clean(repo)


def test_the_first_commit_of_all_is_split_too(repo: Path) -> None:
    assert cli.main(["split", "HEAD^", "-M", "core=Begin the core"]) == Exit.DONE

    assert log(repo) == ["first", "Begin the core", "first", "second"]
    assert git(repo, "rev-list", "--max-parents=0", "--count", "HEAD") == b"1"


def test_what_is_staged_and_what_is_not_stay_so(repo: Path) -> None:
    write(repo, "core/a", "staged\n")
    git(repo, "add", "-A")
    write(repo, "core/a", "more\n")
    before = git(repo, "status", "--porcelain=v2"), git(repo, "diff"), git(repo, "write-tree")

    assert cli.main(["split"]) == Exit.DONE

    after = git(repo, "status", "--porcelain=v2"), git(repo, "diff"), git(repo, "write-tree")
    assert after == before


def test_undo_takes_a_split_back(repo: Path) -> None:
    old = git(repo, "rev-parse", "HEAD")
    cli.main(["split"])
    new = git(repo, "rev-parse", "HEAD")

    assert cli.main(["undo"]) == Exit.DONE

    assert git(repo, "rev-parse", "HEAD") == old
    assert git(repo, "for-each-ref", "--format=%(objectname)", "refs/guild/backup") == new
    assert cli.main(["undo"]) == Exit.NO


def test_on_a_branch_of_one_scope_what_is_not_its_own_is_set_apart(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "guild/t/core")

    assert cli.main(["split"]) == Exit.DONE

    assert len(log(repo)) == 4


def test_a_detached_head_moves(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")

    assert cli.main(["split"]) == Exit.DONE

    assert git(repo, "rev-list", "--count", "HEAD") == b"4"
    assert git(repo, "rev-list", "--count", "main") == b"2"


@pytest.mark.parametrize(
    ("prepare", "code", "slug"),
    [
        ("git commit -qm x --allow-empty", Exit.NO, "changes nothing"),
        ("echo x > core/a; git commit -qam x", Exit.NO, "belongs to core"),
        (
            "git checkout -q -b s; git commit -qm x --allow-empty; git checkout -q main;"
            "git merge -q --no-ff s",
            Exit.UNSUPPORTED,
            "is a merge",
        ),
        (
            "git remote add origin .; git update-ref refs/remotes/origin/x HEAD",
            Exit.NO,
            "was pushed: origin/x has it",
        ),
        ("git rev-parse HEAD^ > .git/MERGE_HEAD", Exit.UNSUPPORTED, "in-progress"),
        (
            "printf '100644 %s 1\\tcore/a\\n' $(git rev-parse HEAD:core/a) |"
            "git update-index --index-info",
            Exit.UNSUPPORTED,
            "index-conflicts",
        ),
        ("git checkout -q --orphan new", Exit.USAGE, "unknown-revision"),
    ],
)
def test_what_cannot_be_split_is_left_with_the_reason(
    repo: Path, capsys: pytest.CaptureFixture[str], prepare: str, code: Exit, slug: str
) -> None:
    subprocess.run(["sh", "-c", prepare], cwd=repo, check=True)
    before = state(repo)

    assert cli.main(["split"]) == code

    assert slug in capsys.readouterr().err
    assert state(repo) == before


def test_a_commit_of_another_branch_is_not_split(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repo, "branch", "old", "HEAD^")
    git(repo, "branch", "new")
    git(repo, "checkout", "-q", "old")

    assert cli.main(["split", "new"]) == Exit.UNSUPPORTED
    assert cli.main(["split", "--", "-x"]) == Exit.USAGE

    assert "is not on refs/heads/old" in capsys.readouterr().err


def test_what_was_pushed_is_split_by_force_alone(repo: Path) -> None:
    git(repo, "update-ref", "refs/remotes/origin/main", "HEAD")

    assert cli.main(["split", "--force"]) == Exit.DONE

    assert len(log(repo)) == 4


def test_a_shallow_clone_begins_where_nothing_can_be_split(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", repo.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")

    assert cli.main(["split", "--force"]) == Exit.UNSUPPORTED

    assert "has a parent that is not in this clone" in capsys.readouterr().err


def test_what_somebody_else_has_a_lease_on_stays_whole(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["lock", "--as", "bob", "web/*"])
    before = state(repo)

    assert cli.main(["split"]) == Exit.NO

    assert "web: bob has a lease on web/* (write)" in capsys.readouterr().err
    assert state(repo) == before


def test_signatures_are_made_again_where_there_were_some(repo: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"c@example.org {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
        ("gpg.ssh.allowedSignersFile", str(signers)),
    ):
        git(repo, "config", name, value)
    mixed(repo, "third")
    git(repo, "commit", "-q", "--amend", "-S", "--no-edit")
    mixed(repo, "fourth")

    assert cli.main(["split", "HEAD^"]) == Exit.DONE
    assert log(repo, "%G?") == ["N", "N", "G", "G", "G", "N"]
    git(repo, "config", "user.signingKey", str(tmp_path / "gone"))
    before = state(repo)
    assert cli.main(["split", "HEAD~4"]) == Exit.NO
    assert state(repo) == before


def test_bytes_of_other_encodings_survive(repo: Path) -> None:
    git(repo, "config", "i18n.commitEncoding", "ISO-8859-1")
    write(repo, "core/a", "x")
    write(repo, "web/a", "x")
    command = ["git", "commit", "-qa", "-F", "-", "--author", "Zo\udceb <z@example.org>"]
    subprocess.run(list(map(os.fsencode, command)), cwd=repo, input=b"caf\xe9\n", check=True)
    git(repo, "config", "--unset", "i18n.commitEncoding")

    assert cli.main(["split"]) == Exit.DONE

    for revision in ("HEAD", "HEAD^"):
        raw = git(repo, "cat-file", "commit", revision)
        assert b"\nencoding ISO-8859-1\n" in raw
        assert b"\ncaf\xe9\n" in raw
        assert b"author Zo\xeb <" in raw


def test_a_branch_that_moved_meanwhile_stays_where_it_went(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = repo / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit update-ref refs/heads/main main~1 2>/dev/null\ntrue\n")
    hook.chmod(0o755)

    assert cli.main(["split"]) == Exit.CONTENDED

    assert "ref-moved" in capsys.readouterr().err
    assert log(repo) == ["first"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_leaves_the_old_commits_or_the_new_ones(
    repo: Path, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old = git(repo, "rev-parse", "HEAD")
    die = (
        "import os, signal\n"
        "from guild_plugins import cli\n"
        "from guild_plugins.delivery import operation\n"
        "move = operation.move_ref\n"
        "def die(*args, **kwargs):\n"
        f"    {'move(*args, **kwargs)' if moment == 'after' else 'pass'}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "operation.move_ref = die\n"
        "cli.main(['split'])\n"
    )
    done = subprocess.run([sys.executable, "-c", die], cwd=repo, check=False)
    assert done.returncode == -signal.SIGKILL
    git(repo, "fsck", "--strict")
    assert (git(repo, "rev-parse", "HEAD") == old) == (moment == "before")
    assert len(log(repo)) == (2 if moment == "before" else 4)

    assert cli.main(["doctor"]) == Exit.NO
    assert "a split on refs/heads/main was interrupted" in capsys.readouterr().out
    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert cli.main(["doctor"]) == Exit.DONE

    if moment == "before":
        assert cli.main(["split"]) == Exit.DONE
    assert len(log(repo)) == 4
    assert cli.main(["undo"]) == Exit.DONE
    assert git(repo, "rev-parse", "HEAD") == old
    assert_clean(repo)


def test_each_commit_of_the_chain_keeps_the_rules_on_its_own_tree(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo, "core/m.py", "import web.v\n")
    write(repo, "web/v.py", "x = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "the wrong way round")
    before = state(repo)

    assert cli.main(["split"]) == Exit.NO

    assert "core: core/m.py:1: depends-on" in capsys.readouterr().err
    assert state(repo) == before
    assert cli.main(["split", "--no-verify"]) == Exit.DONE
