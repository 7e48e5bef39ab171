"""The coordinator with real processes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from guild_plugins.engine.driver import proc
from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.driver.warming import FEW
from guild_plugins.engine.driver.work import Caps
from guild_plugins.engine.pipeline.core import replay
from guild_plugins.engine.pipeline.instructions import End
from guild_plugins.engine.pipeline.progress import State
from guild_plugins.errors import GuildError
from guild_plugins.stages.runs import (
    RunEnded,
    RunEvent,
    RunResumed,
    Unit,
    UnitFailed,
    UnitFinished,
    UnitLost,
    UnitStarted,
)
from tests.engine.driver.shops import MemoryLog, ShellShop, drive

CALLS = "tests.engine.driver.calls"


def unit(id: str, *after: str, **fields: object) -> Unit:
    return Unit(id=id, stage="s", scope=id.partition("/")[0], after=after, **fields)  # type: ignore[arg-type]


def test_commands_run_after_what_they_need_and_their_output_is_kept(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": "echo one >> f", "a/2": "cat f; echo two"})

    end = drive(shop, [unit("a/1"), unit("a/2", "a/1")])

    assert end == End(2, 0, 0, is_complete=True)
    assert shop.log("a/2").read_text() == "one\ntwo\n"


def test_units_that_wait_run_side_by_side(tmp_path: Path) -> None:
    names = [f"{n}/1" for n in "abcdefgh"]
    meet = "mkdir here; cd here; touch $$; until [ $(ls | wc -l) = 8 ]; do sleep 0.05; done"
    shop = ShellShop(tmp_path, dict.fromkeys(names, meet))

    end = drive(shop, [unit(name) for name in names], workers=8)

    assert end.passed == 8  # each waits for all others to have begun


def test_a_failing_command_is_tried_again_and_the_rest_goes_on(tmp_path: Path) -> None:
    log = MemoryLog()
    shop = ShellShop(tmp_path, {"a/1": "echo x; exit 3", "b/1": "true", "a/2": "true"})

    end = drive(shop, [unit("a/1", tries=2), unit("b/1"), unit("a/2", "a/1")], log)

    assert end == End(1, 1, 1, is_complete=True)
    assert shop.log("a/1").read_text() == "x\nx\n"
    assert [e.reason for e in log.of(UnitFailed)] == ["exit code 3"] * 2  # type: ignore[attr-defined]


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": "true"})
    missing = replace(shop.step(unit("a/1")), words=("no-such-command",))
    shop.step = lambda _: missing  # type: ignore[method-assign]

    assert drive(shop, [unit("a/1")]).failed == 1
    assert shop.ended["a/1"].broke == "no-such-command: No such file or directory"


def test_a_group_that_takes_too_much_memory_is_ended_and_the_rest_goes_on(tmp_path: Path) -> None:
    hog = "python3 -c 'import time; x = bytearray(600 << 20); time.sleep(30)'"
    shop = ShellShop(tmp_path, {"a/1": hog, "b/1": "sleep 0.5"}, Caps(seconds=30, memory=200 << 20))

    end = drive(shop, [unit("a/1"), unit("b/1")])

    assert end == End(1, 1, 0, is_complete=True)
    assert "in memory, and 200 are allowed" in shop.ended["a/1"].broke


def test_a_call_that_takes_too_much_memory_is_ended_and_the_rest_goes_on(tmp_path: Path) -> None:
    hog = (f"{CALLS}:hoard", str(600 << 20).encode())
    shop = ShellShop(tmp_path, {"a/1": hog, "b/1": "sleep 0.5"}, Caps(seconds=30, memory=200 << 20))

    end = drive(shop, [unit("a/1"), unit("b/1")])

    assert end == End(1, 1, 0, is_complete=True)
    assert "in memory, and 200 are allowed" in shop.ended["a/1"].broke


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": "sleep 60 & echo $! > pid; sleep 61"}, Caps(seconds=0.5))

    assert drive(shop, [unit("a/1")]).failed == 1
    assert shop.ended["a/1"].broke == "it was not done after 0.5 s"
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_what_a_command_leaves_in_the_background_is_ended(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": "sleep 60 & echo $! > pid"})

    assert drive(shop, [unit("a/1")]).passed == 1
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_a_process_that_left_its_group_is_found_by_its_mark(tmp_path: Path) -> None:
    apart = "setsid sh -c 'echo $$ > pid; exec sleep 60' &"
    (tmp_path / "start").write_text(f"{apart} until [ -s pid ]; do sleep 0.02; done")
    mark = f"GUILD_RUN={os.urandom(8).hex()}"  # other runs of this test are not to be found
    shop = ShellShop(tmp_path, {"a/1": f"{mark} sh start"})
    drive(shop, [unit("a/1")])

    assert proc.end_marked(mark) == 1
    assert proc.end_marked(mark) == 0


def test_brief_calls_use_no_more_processes_than_there_are_cores(tmp_path: Path) -> None:
    names = [f"s{number}/1" for number in range(3 * FEW)]
    shop = ShellShop(tmp_path, dict.fromkeys(names, (f"{CALLS}:doze", b"")), is_brief=True)

    drive(shop, [unit(name) for name in names], workers=3 * FEW)

    assert len({shop.ended[name].value for name in names}) <= FEW


def test_a_process_in_which_a_call_left_a_thread_is_not_used_again(tmp_path: Path) -> None:
    names = ["a/1", "a/2", "a/3"]
    calls = [(f"{CALLS}:{name}", b"") for name in ("pid", "pid_and_thread", "pid")]
    shop = ShellShop(tmp_path, dict(zip(names, calls, strict=True)))

    drive(shop, [unit("a/1"), unit("a/2", "a/1"), unit("a/3", "a/2")], workers=1)

    first, second, third = (shop.ended[name].value for name in names)
    assert first == second != third


def test_a_warm_process_imports_nothing_from_where_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    shop = ShellShop(tmp_path, {"a/1": (f"{CALLS}:shout", b"hey")})

    drive(shop, [unit("a/1")])

    assert shop.ended["a/1"].value == b"HEY"


def test_calls_are_answered_by_a_warm_process_that_is_used_again(tmp_path: Path) -> None:
    pid = (f"{CALLS}:pid", b"")
    shop = ShellShop(tmp_path, {"a/1": pid, "a/2": pid, "a/3": (f"{CALLS}:shout", b"hey")})

    drive(shop, [unit("a/1"), unit("a/2", "a/1"), unit("a/3", "a/2")])

    assert shop.ended["a/1"].value == shop.ended["a/2"].value != str(os.getpid()).encode()
    assert shop.ended["a/3"].value == b"HEY"
    assert shop.log("a/3").read_text() == "heard\n"
    assert _is_gone(int(shop.ended["a/1"].value or b"0"))


def test_a_call_that_raises_fails_and_its_traceback_is_kept(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": (f"{CALLS}:fail", b"")})

    assert drive(shop, [unit("a/1")]).failed == 1
    assert shop.ended["a/1"].broke == "ValueError: not today"
    assert "Traceback" in shop.log("a/1").read_text()


def test_a_process_that_dies_with_its_call_loses_the_unit_which_runs_again(tmp_path: Path) -> None:
    log = MemoryLog()
    call = (f"{CALLS}:die_once", os.fsencode(tmp_path / "mark"))
    shop = ShellShop(tmp_path, {"a/1": call})

    assert drive(shop, [unit("a/1")], log) == End(1, 0, 0, is_complete=True)
    assert len(log.of(UnitLost)) == 1


def test_a_call_that_hangs_is_ended_with_its_process(tmp_path: Path) -> None:
    shop = ShellShop(tmp_path, {"a/1": (f"{CALLS}:sleep", b"")}, Caps(seconds=0.5))

    assert drive(shop, [unit("a/1")]).failed == 1
    assert shop.ended["a/1"].broke == "it was not done after 0.5 s"


def test_a_cancelled_run_ends_its_groups_and_the_facts_say_where_it_was(tmp_path: Path) -> None:
    log = MemoryLog()
    shop = ShellShop(tmp_path, {"a/1": "true", "b/1": "sleep 60", "a/2": "sleep 61"})

    pids: list[int] = []
    seen: set[str] = set()

    def cancel(driver: Driver, event: RunEvent) -> None:
        if isinstance(event, UnitStarted) and event.unit == "b/1":
            pids.append(event.pid)
        if isinstance(event, UnitFinished):
            seen.add(event.unit)
        if pids and "a/1" in seen and not driver.pipeline.is_cancelled:
            driver.cancel("interrupted")

    end = drive(shop, [unit("a/1"), unit("b/1", seconds=9), unit("a/2", "a/1")], log, watch=cancel)

    states = {id: p.state for id, p in replay(log.events).graph.units.items()}
    assert not end.is_complete
    assert _is_gone(pids[0])
    assert states["a/1"] is State.PASSED
    assert states["b/1"] is State.READY
    assert not log.of(RunEnded)
    assert not log.of(RunResumed)


def test_facts_are_written_in_groups_and_in_order(tmp_path: Path) -> None:
    log = MemoryLog()
    names = [f"s{n}/1" for n in range(40)]
    shop = ShellShop(tmp_path, dict.fromkeys(names, "true"))

    drive(shop, [unit(name) for name in names], log, workers=20)

    assert len(log.of(UnitFinished)) == len(log.of(UnitStarted)) == 40
    assert isinstance(log.events[-1], RunEnded)
    assert log.groups < len(log.events)


def test_a_run_ends_where_its_facts_cannot_be_kept(tmp_path: Path) -> None:
    class Full(MemoryLog):
        def append(self, *events: RunEvent, durable: bool = True) -> None:
            raise GuildError("disk full")

    shop = ShellShop(tmp_path, {"a/1": "sleep 60"})

    with pytest.raises(GuildError, match="disk full"):
        drive(shop, [unit("a/1")], Full())


def _is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 3
    while proc.start_of(pid) and time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        if state == b"Z":
            return True
        time.sleep(0.01)
    return time.monotonic() < deadline
