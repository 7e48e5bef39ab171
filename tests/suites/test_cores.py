from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guild_plugins.suites.cores import INTERVAL, Watch, usable_cores, wants_core
from tests.suites.runs import expect, run, write

SLEEPS = "import time; time.sleep(60)"
COMPUTES = "while True: pass"
ASKS_ANOTHER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {COMPUTES!r}])"

ONE_CORE = """
    import os
    def pytest_addoption():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
"""


@contextmanager
def process(code: str) -> Iterator[int]:
    started = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        yield started.pid
    finally:
        os.killpg(started.pid, 9)
        started.wait()


def settles(pid: int, answer: bool) -> bool:
    """Tell whether a process comes to give the same answer many times in a row."""
    for _ in range(100):
        time.sleep(0.1)
        if all(wants_core(pid) is answer for _ in range(20)):
            return True
    return False


@pytest.mark.parametrize(
    ("code", "answer"), [(SLEEPS, False), (COMPUTES, True), (ASKS_ANOTHER, True)]
)
def test_who_computes_or_waits_for_one_that_does_wants_a_core(code: str, answer: bool) -> None:
    with process(code) as pid:
        assert settles(pid, answer)


def test_a_process_that_is_gone_wants_nothing() -> None:
    with process(SLEEPS) as pid:
        pass

    assert not wants_core(pid)


def test_no_more_cores_are_usable_than_the_process_may_run_on() -> None:
    cores = usable_cores()

    assert cores is not None
    assert 1 <= cores <= len(os.sched_getaffinity(0))


def test_a_watch_looks_once_in_an_interval_and_never_when_off() -> None:
    watch, off = Watch(is_on=True), Watch(is_on=False)

    looks = [watch.is_due(at) for at in (10.0, 10.0 + INTERVAL / 2, 10.0 + INTERVAL)]

    assert looks == [True, False, True]
    assert not off.is_due(10.0)


def tree_of(folder: Path, body: str) -> Path:
    names = [f"test_{number}.py" for number in range(8)]
    write(folder, {"pytest.ini": "[pytest]\n", "conftest.py": ONE_CORE})
    write(folder, dict.fromkeys(names, f"import time\ndef test_it():\n    {body}\n"))
    expect(folder, 5.0)
    return folder


def workers_of(tree: Path, *args: str) -> int:
    report = tree / "report.json"
    ended = run(tree, "--guild-scopes", "-n3", f"--guild-report={report}", *args)
    assert ended.code == pytest.ExitCode.OK, ended.out
    return len(json.loads(report.read_text())["workers"])


def test_tests_that_compute_get_as_many_workers_as_there_are_cores(tmp_path: Path) -> None:
    tree = tree_of(
        tmp_path, "end = time.process_time() + 0.3\n    while time.process_time() < end: pass"
    )

    assert workers_of(tree) == 1
    assert workers_of(tree, "--guild-all-workers") == 3


def test_tests_that_wait_get_all_that_were_asked_for(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "time.sleep(1)")

    assert workers_of(tree) == 3
