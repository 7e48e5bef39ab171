from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.errors import Exit
from guild_plugins.stages.events import OperationStarted
from tests.commands.repos import GUILD, git, isolate, make_repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    (folder / "a").write_text("1\n")
    git(folder, "add", "a")
    git(folder, "commit", "-qm", "first")
    return folder


def kinds(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    capsys.readouterr()
    cli.main(["doctor", "--json", *options])
    return [one["kind"] for one in json.loads(capsys.readouterr().out)["ailments"]]


def test_all_is_well_and_looking_makes_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor"]) == Exit.DONE

    assert capsys.readouterr().out == "All is well.\n"
    assert not (repo / ".git/guild").exists()


def test_what_works_is_left_alone(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["lock", "x", "--ttl", "1h"])
    (repo / "a").write_text("2\n")
    cli.main(["commit", "--all", "-m", "x"])

    assert kinds(capsys, "--fix") == []
    assert cli.main(["lock", "x", "--as", "bob"]) == Exit.CONTENDED


def test_a_dead_holder_is_found_and_buried(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(
        [*GUILD, "lock", "x", "--", "sh", "-c", "echo; exec sleep 100"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)

    assert kinds(capsys) == ["dead-holder"]
    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert kinds(capsys) == []


def test_a_damaged_journal_keeps_what_stood_before_the_damage(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["lock", "x"])
    cli.main(["lock", "y"])
    with closing(sqlite3.connect(repo / ".git/guild/guild.db")) as connection:
        (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
        connection.execute("UPDATE events SET data = '{}' WHERE seq = ?", (last,))
        connection.commit()

    assert kinds(capsys) == ["journal-damaged"]
    assert cli.main(["doctor"]) == Exit.NO
    assert cli.main(["doctor", "--fix"]) == Exit.DONE
    assert cli.main(["events", "--check"]) == Exit.DONE
    assert cli.main(["lock", "x", "--as", "bob"]) == Exit.CONTENDED


def test_a_table_that_drifted_is_made_again(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["lock", "x"])
    journal = Journal(place_in(repo / ".git"))
    kept = journal.snapshot("leases")
    assert kept is not None
    with journal.writing() as transaction:
        transaction.keep("leases", kept.replace('"generation":1', '"generation":7'))

    assert kinds(capsys, "--fix") == ["lease-drift"]
    assert journal.snapshot("leases") == kept


@pytest.mark.parametrize("has_moved", [False, True])
def test_an_interrupted_operation_is_judged_by_its_reference(
    repo: Path, has_moved: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    head = git(repo, "rev-parse", "HEAD").decode()
    new = git(repo, "commit-tree", "-m", "x", "-p", head, "HEAD^{tree}").decode()
    Journal(place_in(repo / ".git")).append(
        OperationStarted(
            id="e",
            at=time.time(),
            operation="dead",
            what="commit",
            git_dir=str(repo / ".git"),
            reference="refs/heads/main",
            old=head,
            new=new,
        )
    )
    work = repo / ".git/guild/work/dead"
    work.mkdir()
    (work / "index").write_bytes((repo / ".git/index").read_bytes())
    os.link(work / "index", repo / ".git/index.lock")
    if has_moved:
        git(repo, "update-ref", "refs/heads/main", new)
    (repo / ".git/refs/heads/main.lock").write_text(f"{new}\n")

    assert kinds(capsys, "--fix") == ["half-done"]

    cli.main(["events", "--json"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["type"] == ("ReferenceMoved" if has_moved else "OperationAbandoned")
    assert not list((repo / ".git").rglob("*.lock"))
    assert not work.exists()
    assert kinds(capsys) == []


def test_locks_of_others_are_told_and_stay(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = repo / ".git/index.lock"
    lock.write_text("")
    os.utime(lock, (0, 0))

    assert kinds(capsys, "--fix") == ["git-lock"]
    assert lock.exists()


def test_a_lock_with_something_else_in_it_is_not_ours(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = git(repo, "rev-parse", "HEAD").decode()
    Journal(place_in(repo / ".git")).append(
        OperationStarted(
            id="e",
            at=time.time(),
            operation="dead",
            what="commit",
            git_dir=str(repo / ".git"),
            reference="refs/heads/main",
            old=head,
            new="1" * 40,
        )
    )
    lock = repo / ".git/refs/heads/main.lock"
    lock.write_text("2" * 40)

    kinds(capsys, "--fix")

    assert lock.exists()
