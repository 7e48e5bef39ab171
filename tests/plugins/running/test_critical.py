"""What only one scope may use at a time, held as a lease while it is worked on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.plugins.running.critical import hold, release
from tests.plugins.distributions import GUILD, guild
from tests.plugins.test_runs import repository


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo", "a", "b")


def asked(top: Path, scope: str, *names: str, pid: int | None = None) -> bytes:
    data = {"top": str(top), "name": f"run/{scope}", "exclusive": names, "patience": 0.05}
    return json.dumps({**data, "pid": pid or os.getpid()}).encode()


def held(top: Path) -> list[str]:
    """Return who holds what."""
    leases = Leases(Journal(place_in(top / ".git")))
    leases.tend()
    return [f"{x.holder.name}: {', '.join(map(str, x.claims))}" for x in leases.facts().leases]


def test_one_scope_holds_what_others_wait_for_until_it_gives_it_back(top: Path) -> None:
    assert json.loads(hold(asked(top, "a", "db", "a"))) == {}
    told = json.loads(hold(asked(top, "b", "db")))
    assert held(top) == ["run/a: db (write), a (write)"]
    assert "run/a" in told["trouble"]

    release(asked(top, "a"))
    release(asked(top, "a"))

    assert json.loads(hold(asked(top, "b", "db"))) == {}
    assert held(top) == ["run/b: db (write)"]


def test_what_a_coordinator_held_is_free_when_it_is_gone(top: Path) -> None:
    coordinator = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    hold(asked(top, "a", "db", pid=coordinator.pid))
    coordinator.communicate()

    assert json.loads(hold(asked(top, "b", "db"))) == {}


def test_a_scope_whose_lease_was_lost_with_its_attempt_takes_it_again(top: Path) -> None:
    hold(asked(top, "a", "db"))

    assert json.loads(hold(asked(top, "a", "db"))) == {}
    release(asked(top, "a"))

    assert held(top) == []


def test_in_a_run_the_lease_is_there_for_the_command_alone(top: Path, tmp_path: Path) -> None:
    plan, seen = tmp_path / "plan.toml", tmp_path / "seen"
    plan.write_text(
        'task = "t"\n[[step]]\nscope = "a"\ninstructions = "t"\nexclusive = ["db"]\n'
        '[[step]]\nscope = "b"\ninstructions = "t"\n'
    )
    script = f'[ $0 = b ] || {" ".join(GUILD)} locks > "{seen}"; echo "X = 2" > $0/m.py'

    done = guild(
        "run", "t", "--no-tests", "--plan", str(plan), "--", "sh", "-c", script, "{scope}",
        site=tmp_path / "site", cwd=top,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "db (write)" in seen.read_text()
    assert held(top) == []
