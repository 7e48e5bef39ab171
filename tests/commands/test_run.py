"""``guild run`` as users run it: one command in many scopes, killed and resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands.repos import GUILD, git, isolate, make_repository

SCOPES = ("a", "b", "c")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    top = make_repository(tmp_path / "repo")
    settings = ""
    for name in SCOPES:
        (top / name).mkdir()
        (top / name / "m.py").write_text("X = 1\n")
        settings += f'[tool.guild.scopes.{name}]\npaths = ["{name}"]\n'
        (top / name / "test_m.py").write_text(
            "from pathlib import Path\n\n\ndef test_x():\n"
            "    assert 'broken' not in Path(__file__).with_name('m.py').read_text()\n"
        )
    (top / "pyproject.toml").write_text(settings)
    (top / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    return top


def guild(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GUILD, *words], cwd=top, capture_output=True, text=True, timeout=120)


def commits(top: Path) -> dict[str, tuple[str, int]]:
    """Return the tree and the number of new commits on each scope's branch."""
    lines = git(top, "for-each-ref", "--format=%(refname)", "refs/heads/guild").decode().split()
    return {
        ref.rpartition("/")[2]: (
            git(top, "rev-parse", f"{ref}^{{tree}}").decode(),
            int(git(top, "rev-list", "--count", f"main..{ref}")),
        )
        for ref in lines
    }


def test_each_scope_gets_its_change_in_one_commit_and_a_failing_one_is_left_out(
    repo: Path,
) -> None:
    work = 'if [ $0 = b ]; then echo "broken" > b/m.py; else echo "X = 2" > $0/m.py; fi'

    done = guild(repo, "run", "raise it", "--", "sh", "-c", work, "{scope}")

    assert done.returncode == 1, done.stderr
    assert "b/test failed: its tests failed" in done.stdout
    assert (repo / ".git" / "guild" / "runs").is_dir()
    log = re.search(r"its log is (.*)", done.stdout)
    assert log is not None
    assert "1 failed" in Path(log[1]).read_text()
    assert {scope: count for scope, (_, count) in commits(repo).items()} == {"a": 1, "b": 0, "c": 1}
    assert git(repo, "status", "--porcelain") == b""


def test_what_leaves_its_scope_is_not_committed(repo: Path) -> None:
    work = "echo 'X = 2' > $0/m.py; echo 'X = 3' > c/m.py"

    done = guild(
        repo, "run", "t", "--scope=a", "--no-tests", "--rounds=1", "--", "sh", "-c", work, "{scope}"
    )

    assert done.returncode == 1
    assert "a/check failed" in done.stdout
    assert commits(repo)["a"][1] == 0


def test_a_command_whose_work_is_not_good_is_told_what_was_wrong(repo: Path) -> None:
    work = 'if grep -q "tests failed" "$GUILD_BRIEF"; then echo ok; else echo broken; fi > a/m.py'

    done = guild(repo, "run", "t", "--scope=a", "--", "sh", "-c", work)

    assert done.returncode == 0, done.stdout
    assert (git(repo, "show", "guild/" + _branch(repo) + "/a:a/m.py")) == b"ok"


def test_nothing_is_done_without_a_command_and_a_dry_run_changes_nothing(repo: Path) -> None:
    assert guild(repo, "run", "t").returncode == 2
    listed = guild(repo, "run", "t", "--dry-run", "--scope=a", "--", "true")

    steps = ("research", "plan", "place", "implement", "check", "test", "commit")
    assert {unit for unit in listed.stdout.split() if "/" in unit} == {f"a/{s}" for s in steps}
    assert commits(repo) == {}


@pytest.mark.parametrize("after", ["a/place", "b/implement", "a/commit"])
def test_killed_and_resumed_it_repeats_nothing_that_was_done_and_loses_nothing(
    repo: Path, after: str
) -> None:
    work = 'echo "Y = 1" >> $0/m.py; sleep 0.2'  # done twice, it would show
    words = ("run", "t", "--no-tests", "--json", "--", "sh", "-c", work, "{scope}")
    _kill_after(repo, words, after)

    done = guild(repo, "run", "--resume", "--json")

    assert done.returncode == 0, done.stderr
    assert {count for _, count in commits(repo).values()} == {1}
    assert len({git(repo, "show", f"guild/{_branch(repo)}/{s}:{s}/m.py") for s in SCOPES}) == 1
    joins = {"research": 1, "plan": 1}
    assert _finished(repo) == joins | {f"{s}/{step}": 1 for s in SCOPES for step in STEPS}
    assert guild(repo, "run", "--resume").returncode == 2  # nothing is left


def test_interrupted_it_says_how_to_go_on_and_goes_on(repo: Path) -> None:
    words = (
        "run",
        "t",
        "--no-tests",
        "--json",
        "--",
        "sh",
        "-c",
        "echo 1 > $0/n; sleep 1",
        "{scope}",
    )
    code = _kill_after(repo, words, "a/place", signal.SIGINT)

    assert code == 130
    resumed = guild(repo, "run", "--resume")
    assert resumed.returncode == 0, resumed.stdout
    assert {count for _, count in commits(repo).values()} == {1}


def test_a_run_whose_coordinator_is_alive_is_not_taken_over(repo: Path) -> None:
    work = "until [ -e ../../../go ]; do sleep 0.05; done; echo 1 > a/n"
    words = ("run", "t", "--scope=a", "--no-tests", "--json", "--", "sh", "-c", work)
    with subprocess.Popen([*GUILD, *words], cwd=repo, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        next(line for line in first.stdout if '"a/place"' in line and "Finished" in line)
        second = guild(repo, "run", "--resume")
        (repo.parent / "go").touch()
        first.stdout.read()

    assert second.returncode == 4
    assert "Another process is at work on 't'" in second.stderr
    assert first.returncode == 0
    assert commits(repo)["a"][1] == 1


STEPS = ("research", "plan", "place", "implement", "check", "commit")


def _kill_after(
    top: Path, words: tuple[str, ...], unit: str, number: signal.Signals = signal.SIGKILL
) -> int:
    with subprocess.Popen(
        [*GUILD, *words], cwd=top, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "UnitFinished" and event["unit"] == unit:
                os.kill(process.pid, number)
                break
        return process.wait(timeout=30)


def _finished(top: Path) -> dict[str, int]:
    """Return how often each unit was told to have finished, from the journal."""
    counts: dict[str, int] = {}
    for line in guild(top, "events", "--json").stdout.splitlines():
        event = json.loads(line)
        if event.get("type") == "UnitFinished":
            unit = event["data"]["unit"]
            counts[unit] = counts.get(unit, 0) + 1
    return counts


def _branch(top: Path) -> str:
    ref = git(top, "for-each-ref", "--format=%(refname)", "--count=1", "refs/heads/guild")
    return ref.decode().split("/")[3]
