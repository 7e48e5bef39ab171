from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import GUILD, git, isolate, make_repository

WAIT = "import sys; print('in', flush=True); sys.stdin.readline()"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GUILD_HOLDER", "alice")
    return folder


@pytest.fixture
def started(repo: Path) -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def hold(started: list[subprocess.Popen[str]], *args: str) -> subprocess.Popen[str]:
    """Hold a lease with a command that ends when it is told."""
    process = subprocess.Popen(
        [*GUILD, "lock", *args, "--", sys.executable, "-c", WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, object]]]:
    capsys.readouterr()
    cli.main(["locks", "--json"])
    data: dict[str, list[dict[str, object]]] = json.loads(capsys.readouterr().out)
    return data


def test_a_command_has_the_lease_as_long_as_it_runs(
    started: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    holder = hold(started, "src/x.py")

    assert cli.main(["lock", "src", "--", "true"]) == Exit.CONTENDED
    assert "alice has had src/x.py (write)" in capsys.readouterr().err
    assert cli.main(["lock", "docs", "--", "true"]) == Exit.DONE
    holder.communicate("\n")
    assert cli.main(["lock", "src", "--", "true"]) == Exit.DONE
    assert listed(capsys)["leases"] == []


def test_the_commands_own_code_is_returned(repo: Path) -> None:
    assert cli.main(["lock", "x", "--", "sh", "-c", "exit 42"]) == 42
    assert cli.main(["lock", "x", "--", "sh", "-c", "kill -TERM $$"]) == 128 + signal.SIGTERM
    assert cli.main(["lock", "x", "--", "/no/such/command"]) == 127


def test_a_killed_holder_is_succeeded_at_once(
    started: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    holder = hold(started, "x")
    holder.kill()
    assert holder.stdin is not None
    holder.stdin.close()  # ends the command
    holder.wait()

    assert cli.main(["lock", "x", "--timeout", "5", "--", "true"]) == Exit.DONE
    cli.main(["events", "--type", "LeaseLost"])
    assert "reason=died" in capsys.readouterr().out


def test_an_orphaned_command_keeps_the_lease(started: list[subprocess.Popen[str]]) -> None:
    holder = hold(started, "x")
    holder.kill()
    holder.wait()

    assert cli.main(["lock", "x", "--timeout", "0.3", "--", "true"]) == Exit.CONTENDED
    assert holder.stdin is not None
    holder.stdin.close()
    assert cli.main(["lock", "x", "--timeout", "5", "--", "true"]) == Exit.DONE


def test_a_child_that_a_command_leaves_behind_keeps_the_lease(
    repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["lock", "x", "--", "sh", "-c", "sleep 0.5 >/dev/null 2>&1 & echo"])

    assert code == Exit.DONE
    assert "left a child" in capfd.readouterr().err
    assert cli.main(["lock", "x", "--", "true"]) == Exit.CONTENDED
    assert cli.main(["lock", "x", "--wait", "--", "true"]) == Exit.DONE


def test_what_a_command_starts_is_not_in_its_own_way(repo: Path) -> None:
    inner = [*GUILD, "lock", "x", "y", "--", "true"]

    assert cli.main(["lock", "x", "--", *inner]) == Exit.DONE


def test_a_name_holds_a_lease_without_a_command(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["lock", "x", "y", "--ttl", "2h"])

    out = capsys.readouterr().out
    assert "x (write), y (write)  for 2h" in out
    assert cli.main(["lock", "x", "--as", "bob"]) == Exit.CONTENDED
    assert cli.main(["lock", "x", "--", "true"]) == Exit.DONE
    assert cli.main(["unlock", "x", "--as", "bob"]) == Exit.NO
    assert cli.main(["unlock", "x"]) == Exit.DONE
    assert cli.main(["lock", "y", "--as", "bob"]) == Exit.DONE


def test_a_lease_ends_with_its_time(repo: Path) -> None:
    cli.main(["lock", "x", "--ttl", "0.2"])

    assert cli.main(["lock", "x", "--as", "bob", "--timeout", "5"]) == Exit.DONE


def test_a_lease_ends_with_a_process(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        cli.main(["lock", "x", "--pid", str(process.pid)])
        assert cli.main(["lock", "x", "--as", "bob"]) == Exit.CONTENDED
        process.kill()

    assert cli.main(["lock", "x", "--as", "bob"]) == Exit.DONE
    assert cli.main(["lock", "y", "--pid", str(process.pid)]) == Exit.USAGE


def test_a_lease_is_taken_by_force_and_the_journal_says_by_whom(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["lock", "x", "--as", "bob"])
    (lease,) = listed(capsys)["leases"]

    code = cli.main(["unlock", "--force", str(lease["id"])])

    assert code == Exit.DONE
    cli.main(["events", "--type", "LeaseReleased"])
    assert "by=alice" in capsys.readouterr().out


def test_readers_share(started: list[subprocess.Popen[str]]) -> None:
    hold(started, "x", "--read")

    assert cli.main(["lock", "x", "--read", "--", "true"]) == Exit.DONE
    assert cli.main(["lock", "x", "--", "true"]) == Exit.CONTENDED


def test_a_scope_is_locked_with_all_that_is_its_own(
    repo: Path, started: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "guild.toml").write_text(
        "[scopes.app]\npaths = ['src']\n[scopes.web]\npaths = ['src/web']\n"
    )
    hold(started, "--scope", "app")

    assert cli.main(["lock", "--scope", "web", "--", "true"]) == Exit.DONE
    assert cli.main(["lock", "src/web/x.py", "--", "true"]) == Exit.DONE
    assert cli.main(["lock", "src/x.py", "--", "true"]) == Exit.CONTENDED
    assert "scope app (write)" in capsys.readouterr().err
    assert cli.main(["lock", "--scope", "nope", "--", "true"]) == Exit.USAGE


def test_a_deadlock_is_broken_and_the_younger_gives_way(
    repo: Path, started: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = "touch {0}; until [ -e {1} ]; do sleep 0.02; done; exec {2} lock {1} --wait -- true"
    guild = " ".join(f"'{word}'" for word in GUILD)
    for mine, other in (("x", "y"), ("y", "x")):
        script = steps.format(mine, other, guild)
        started.append(
            subprocess.Popen(
                [*GUILD, "lock", mine, "--", "sh", "-c", script],
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    errors = [process.communicate(timeout=30)[1] for process in started]

    assert sorted(process.returncode for process in started) == [Exit.DONE, Exit.CONTENDED]
    assert "lease-deadlock" in "".join(errors)
    cli.main(["events", "--type", "LeaseRefused"])
    assert capsys.readouterr().out.count("reason=deadlock") == 1


def test_who_waits_is_listed(
    repo: Path, started: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    hold(started, "x")
    started.append(subprocess.Popen([*GUILD, "lock", "x", "--wait", "--", "true"]))
    deadline = time.monotonic() + 20
    while not listed(capsys)["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    cli.main(["locks"])

    assert "waits" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["../elsewhere", "", "a\\b*"])
def test_what_cannot_be_locked_is_told(
    repo: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["lock", path, "--", "true"])

    assert code in (Exit.USAGE, Exit.DONE)
    assert (code == Exit.DONE) == (path == "")  # the directory itself


def test_odd_names_are_locked_for_what_they_are(
    repo: Path, started: list[subprocess.Popen[str]]
) -> None:
    (repo / "a[b]*").write_text("")
    hold(started, "a[b]*")

    assert cli.main(["lock", "ab", "--", "true"]) == Exit.DONE
    assert cli.main(["lock", "a[b]*", "--", "true"]) == Exit.CONTENDED


def test_worktrees_share_leases_and_paths_through_links_are_one(
    repo: Path, started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "first")
    git(repo, "worktree", "add", "-q", "../other")
    (repo / "src").mkdir()
    (repo / "link").symlink_to("src")
    hold(started, "link/x.py")

    monkeypatch.chdir("../other")

    assert cli.main(["lock", "src/x.py", "--", "true"]) == Exit.CONTENDED


def test_the_kernel_locks_of_ended_holders_leave_no_files(repo: Path) -> None:
    cli.main(["lock", "x", "--", "true"])
    cli.main(["lock", "x"])
    cli.main(["lock", "x", "--as", "bob"])

    assert os.listdir(repo / ".git/guild/holders") == []  # noqa: PTH208


HOLDER = """
import os, sys, time
here = sys.argv[1]
inside = os.path.join(here, "inside")
handle = os.open(inside, os.O_CREAT | os.O_EXCL)
time.sleep(0.002)
os.close(handle)
os.unlink(inside)
"""


def test_many_processes_never_write_at_once(repo: Path) -> None:
    script = repo / "holder.py"
    script.write_text(HOLDER)
    command = [*GUILD, "lock", "x", "--wait", "--", sys.executable, "-IS", str(script), str(repo)]
    lanes = 'for i in 1 2 3 4; do "$@" || exit 1; done'

    processes = [subprocess.Popen(["sh", "-c", lanes, "sh", *command]) for _ in range(4)]

    assert [process.wait() for process in processes] == [0] * 4
