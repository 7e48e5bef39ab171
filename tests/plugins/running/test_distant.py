"""Commands on other machines: what is sent, what comes back, and workers that are lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from guild_plugins.engine.driver.work import Command
from guild_plugins.plugins.executing import specs_of
from guild_plugins.plugins.running import distant
from guild_plugins.plugins.running.asked import BRIEF
from guild_plugins.plugins.running.distant import Base
from guild_plugins.plugins.running.node import carry
from guild_plugins.plugins.running.parcels import ParcelTorn, pack_alone, unwrap, wrap
from tests.plugins.distributions import guild
from tests.plugins.test_runs import git, repository

TOP = Path(__file__).parents[3]
FACTS = ("RunStarted", "UnitStarted", "UnitFinished", "UnitLost", "UnitFailed", "RunEnded")
"""Those whose number does not depend on how fast a machine is."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "guild" / "nodes"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo", "a", "b")


def command(top: Path, script: str, **environ: str) -> Command:
    log = top.parent / "log"
    everything = {**os.environ, **environ}
    return Command(words=("sh", "-c", script), directory=top, environ=everything, log=log)


def test_a_parcel_is_what_it_was_or_is_refused() -> None:
    parcel = wrap({"a": [1, "x"]}, b"one", b"")

    assert unwrap(parcel) == ({"a": [1, "x"]}, [b"one", b""])
    for torn in (b"", parcel[:-1], parcel + b"x", b"\0" * 20):
        with pytest.raises(ParcelTorn):
            unwrap(torn)


def test_a_command_elsewhere_finds_the_work_place_and_what_it_changed_is_taken_over(
    top: Path, cache: Path
) -> None:
    base = git(top, "rev-parse", "HEAD").strip()
    odd = os.fsdecode(b"a/od\xffd\n -x")
    (top / odd).write_bytes(b"\0\xff")
    (top / "a" / "gone.py").write_text("")
    (top / ".gitignore").write_text("*.log\n")
    brief = top.parent / "brief.md"
    brief.write_text("what to do")
    script = (
        "test ! -d a/.git && rm a/gone.py && chmod +x a/m.py && ln -s m.py a/link"
        ' && cat "$GUILD_BRIEF" > a/brief && touch a/x.log && git status --short | wc -l'
    )
    sent = command(top, script, GUILD_BRIEF=str(brief))
    order, work = distant._pack(sent, Base(top, base, os.environ))

    unknown, _ = unwrap(carry(wrap(order, b"", work)))
    ended, (output, pack) = unwrap(carry(wrap(order, pack_alone(top, base), work)))
    again, _ = unwrap(carry(wrap(order, b"", work)))
    distant._take_over(sent, order["work"], ended["tree"], output, pack)

    assert unknown == {"missing": True}
    assert (ended["code"], ended["broke"], ended["lost"]) == (0, "", False)
    assert ended["tree"] == again["tree"] == git(top, "write-tree").strip()
    assert git(top, "status", "--short", "--porcelain", "a/m.py") == "M  a/m.py\n"
    assert (top / odd).read_bytes() == b"\0\xff"
    assert (top / "a" / "brief").read_text() == "what to do"
    assert (top / "a" / "link").is_symlink()
    assert not (top / "a" / "gone.py").exists()
    assert sent.log.read_text().strip() == "6"
    assert BRIEF in order["environ"]["GUILD_BRIEF"]
    assert [path.name for path in cache.iterdir()] == [base]


def test_what_does_not_fit_or_takes_too_long_is_told(top: Path) -> None:
    base = git(top, "rev-parse", "HEAD").strip()
    order, work = distant._pack(command(top, "sleep 60"), Base(top, base, os.environ))
    order["caps"]["seconds"] = 0.3

    ended, _ = unwrap(carry(wrap(order, pack_alone(top, base), work)))
    torn, _ = unwrap(carry(wrap(order, b"", b"no pack")))

    assert ended["broke"] == "it was not done after 0.3 s"
    assert "index-pack" in torn["trouble"]


def test_a_worker_that_is_killed_takes_its_command_with_it(top: Path, cache: Path) -> None:
    base, pids = git(top, "rev-parse", "HEAD").strip(), top.parent / "pids"
    script = f'sleep 60 & echo $! $$ > "{pids}.new"; mv "{pids}.new" "{pids}"; wait'
    order, work = distant._pack(command(top, script), Base(top, base, os.environ))
    (top.parent / "parcel").write_bytes(wrap(order, pack_alone(top, base), work))
    code = "from guild_plugins.plugins.running.node import carry; carry(open(0, 'rb').read())"
    with (top.parent / "parcel").open("rb") as parcel:
        worker = subprocess.Popen([sys.executable, "-c", code], stdin=parcel, cwd=TOP)
    wait_for(pids.exists)
    worker.kill()
    worker.wait()

    wait_for(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))
    left = [path.name for path in cache.iterdir() if path.name.startswith("work-")]
    os.utime(cache / left[0], (0, 0))
    carry(wrap(order, b"", b"no pack"))

    assert len(left) == 1
    assert not (cache / left[0]).exists()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def test_an_address_names_a_gateway_for_each_slot() -> None:
    assert specs_of(None, 2) == ["popen", "popen"]
    assert specs_of("2*ssh=a//python=p, popen", 9) == ["ssh=a//python=p"] * 2 + ["popen"]


def test_an_executor_whose_extra_is_missing_says_what_to_install(top: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "distributed.py").write_text("raise ModuleNotFoundError('distributed')\n")

    done = guild("run", "t", "--executor", "dask", "--", "true", site=site, cwd=top)

    assert done.returncode == 6
    assert "pip install 'guild-plugins[dask]'" in done.stderr


def test_an_executor_that_nobody_supplies_is_refused(top: Path, tmp_path: Path) -> None:
    done = guild("run", "t", "--executor", "moon", "--", "true", site=tmp_path / "site", cwd=top)

    assert done.returncode == 2
    assert "There is no executor 'moon'." in done.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Counter[str]]:
    """Return the trees and the facts of a run on this machine, two of whose workers were killed."""
    return run_killed(tmp_path_factory.mktemp("local"), "local", victim="$$")


@pytest.mark.parametrize("executor", ["execnet", "dask"])
def test_where_workers_are_killed_trees_and_facts_are_those_of_a_run_on_this_machine(
    tmp_path: Path, executor: str, undisturbed: tuple[dict[str, str], Counter[str]]
) -> None:
    if executor == "dask" and find_spec("distributed") is None:
        pytest.skip("the extra is not installed")

    trees, facts = run_killed(tmp_path, executor, victim="$PPID")

    assert facts["UnitLost"] == 2
    assert (trees, facts) == undisturbed


def run_killed(folder: Path, executor: str, victim: str) -> tuple[dict[str, str], Counter[str]]:
    """Run a task in three scopes; in two of them, the first command kills its worker."""
    top = repository(folder / "repo", "a", "b", "c")
    marks = folder / "marks"
    marks.mkdir()
    script = (
        f'if [ $0 != c ] && mkdir "{marks}/$0"; then kill -9 {victim}; sleep 60; fi 2>&-;'
        ' echo "Y = 2" >> $0/m.py'
    )
    plan = folder / "plan.toml"
    steps = (f'[[step]]\nscope = "{name}"\ninstructions = "t"\n' for name in "abc")
    plan.write_text('task = "t"\n' + "".join(steps))
    site = folder / "site"
    words = ("run", "t", "--no-tests", "--plan", str(plan), "--workers", "2")
    command = ("sh", "-c", script, "{scope}")
    done = guild(*words, "--executor", executor, "--", *command, site=site, cwd=top)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = guild("events", "--json", site=site, cwd=top).stdout.splitlines()
    facts = Counter(event["type"] for event in map(json.loads, listed) if event["type"] in FACTS)
    form = "--format=%(refname:lstrip=4) %(tree)"
    trees = git(top, "for-each-ref", form, "refs/heads/guild").split("\n")
    return dict(line.split() for line in trees if line), facts
