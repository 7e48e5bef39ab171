"""One run: started, watched, measured. Linux only.

Memory is the resident set (RSS) of all processes of the run, summed, at its
highest; pages that processes share count for each. CPU is that of all
processes, orphans too: this process adopts them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import probe
from benchmarks.modes import Mode
from benchmarks.suites import Layout

INTERVAL = 0.05
LIMIT = 900.0
"""Seconds that one run may take."""

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    :param others: Share of the cores that other programs used meanwhile; it spoils ``wall``.
    :param first: Seconds from its start to the end of its first test.
    :param collected: Tests collected by all processes together.
    :param lines: Lines that ran, where coverage was measured.
    """

    wall: float
    cpu: float
    memory: float
    others: float
    first: float | None
    collected: int
    outcomes: dict[str, str]
    lines: int | None = None


class RunFailed(Exception):
    """A run ended in a way that makes its figures worthless."""


def adopt_orphans() -> None:
    """Have workers that outlive their controller counted as our own children."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(layout: Layout, mode: Mode, scratch: Path, *, is_cold: bool) -> Run:
    """Run a suite once.

    :param scratch: A directory that the runs of this suite share.
    :param is_cold: Whether the rewritten bytecode of tests is taken away first.
    :raises RunFailed: pytest did not end with 0 (all passed) or 1 (some failed).
    """
    cache = scratch / "cache" / mode.tool
    if mode.forgets:
        shutil.rmtree(cache, ignore_errors=True)
    if is_cold:
        for file in layout.home.rglob("*-pytest-*.pyc"):
            file.unlink()
    notes, log, data = scratch / "notes.json", scratch / "log.txt", scratch / "coverage"
    for left in (notes, data):
        left.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "benchmark_probe"]
    command += ["-o", f"cache_dir={cache}", *mode.command(layout.source), *layout.args]
    environment = _environment(scratch, is_cold) | {
        "BENCHMARK_NOTES": str(notes),
        "COVERAGE_FILE": str(data),
    }
    before, busy = _cpu_of_children(), _cpu_of_all()
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=layout.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        with Watch(process.pid) as watch:
            code = _wait(process)
        wall = time.monotonic() - started
        _reap(process.pid)
    lasted = time.monotonic() - started
    cpu = _cpu_of_children() - before
    others = (_cpu_of_all() - busy - cpu) / lasted / (os.cpu_count() or 1)
    if code not in (0, 1) or not notes.is_file():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise RunFailed(f"{mode.name} ended with {code}:\n{tail}")
    noted = json.loads(notes.read_text())
    return Run(
        wall=wall,
        cpu=cpu,
        memory=watch.highest / 1e6,
        others=max(others, 0.0),
        first=None if noted["first"] is None else noted["first"] - started,
        collected=sum(noted["collected"]),
        outcomes=noted["outcomes"],
        lines=_lines(data) if mode.covers else None,
    )


def warm_up(layout: Layout, scratch: Path) -> None:
    """Have pytest write the rewritten bytecode of all tests."""
    run(layout, Mode("serial", ("-p", "no:guild", "-n", "0")), scratch, is_cold=False)


def _environment(scratch: Path, is_cold: bool) -> dict[str, str]:
    plugin = scratch / "plugin"
    plugin.mkdir(exist_ok=True)
    shutil.copy(probe.__file__, plugin / "benchmark_probe.py")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COV_", "COVERAGE_", "GITHUB_"))
        and name not in ("CI", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    }
    if is_cold:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return environment | {"PYTHONPATH": str(plugin), "PYTHONHASHSEED": "0"}


class Watch:
    """Samples the memory of a session's processes while it is entered."""

    def __init__(self, session: int) -> None:
        self.highest = 0
        self._session = session
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._is_over.wait(INTERVAL):
            self.highest = max(self.highest, sum(map(_rss_of, _processes_of(self._session))))


def _processes_of(session: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield int(folder.name)


def _rss_of(pid: int) -> int:
    try:
        return int(Path("/proc", str(pid), "statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _reap(session: int) -> None:
    """Wait for what the run left behind, and end what does not end by itself."""
    for _ in range(100):
        if not list(_processes_of(session)):
            return
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(INTERVAL)
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(-1, 0)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_of_all() -> float:
    """Return the seconds that all programs of this machine have used."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = ticks[3:5]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def _lines(data_file: Path) -> int:
    from coverage import CoverageData

    data = CoverageData(str(data_file))
    data.read()
    return sum(len(data.lines(file) or ()) for file in data.measured_files())
