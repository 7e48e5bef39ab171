"""Runs of pytest as users start them: a process of its own, and what came of it.

Each run ends, leaves no process and no file behind: that is checked for all of them.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BESIDE = Path(__file__).parent / "beside"
QUIET = ("-p", "no:randomly", "-p", "no:rerunfailures")
"""Leaves out the plugins that would change what is compared, wherever they are installed."""

OURS = ("-p", "xdist", "-p", "guild", "-p", "pytest_cov")
"""The plugins of most runs: others that are installed cost a second each, and change outcomes."""

LIMIT = 60
"""Seconds in which each run must end."""


@dataclass(frozen=True)
class Run:
    """A run that ended.

    :param records: What the session heard: kind, node id, category and text of each.
    """

    code: int
    out: str
    seconds: float
    records: tuple[tuple[str, str, str, str], ...]

    @property
    def outcomes(self) -> Counter[tuple[str, str]]:
        """Node id and category of every test, with how often it was told."""
        return Counter((node, what) for kind, node, what, _ in self.records if kind == "test")

    @property
    def files(self) -> Counter[tuple[str, str]]:
        """Node id and outcome of every collector that did not pass."""
        return Counter((node, what) for kind, node, what, _ in self.records if kind == "file")

    @property
    def crashes(self) -> list[str]:
        """Node ids of the tests that brought a worker down, sorted."""
        return sorted(node for kind, node, *_ in self.records if kind == "crash")

    def of(self, category: str) -> set[str]:
        """Return the node ids of the tests that ended so."""
        return {node for node, what in self.outcomes if what == category}

    def text_of(self, nodeid: str) -> str:
        """Return all that was told of a test or a file."""
        return "\n".join(text for _, node, _, text in self.records if node == nodeid)

    def row(self, scope: str) -> str:
        """Return the scope's line in the table at the end."""
        _, _, table = self.out.rpartition("= scopes =")
        lines = [line for line in table.splitlines() if line.split()[:1] == [scope]]
        assert len(lines) == 1, self.out
        return " ".join(lines[0].split())


def write(tree: Path, files: Mapping[str, str]) -> Path:
    """Write files into a directory; return it."""
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return tree


def expect(tree: Path, seconds: float) -> None:
    """Have every test file expected to take so long, so that each is worth a worker."""
    files = {str(path.relative_to(tree)): seconds for path in tree.rglob("test_*.py")}
    write(tree, {".pytest_cache/d/guild/durations.json": json.dumps(_table(files))})


def _table(files: Mapping[str, float]) -> dict[str, object]:
    return {"version": 1, "files": dict(files)}


def environment(home: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a run: this one, without what would leak into it."""
    alone = ("CI", "LINES")
    leaking = ("PYTEST_", "GIT_", "GITHUB_", "GUILD_", "COV_", "COVERAGE_", "XDIST_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(leaking) and k not in alone}
    paths = [str(BESIDE), *filter(None, [clean.get("PYTHONPATH")])]
    return {
        **clean,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "COLUMNS": "200",
        "TMPDIR": str(home),
        "OUTCOMES": str(home / "outcomes"),
        **(variables or {}),
    }


@contextmanager
def started(
    tree: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    python: str = sys.executable,
    plugins: tuple[str, ...] = OURS,
) -> Iterator[Started]:
    """Start pytest in a directory, and see to it that nothing is left of it.

    :param plugins: Options that load plugins; without ours among them, all that are installed are
        there.
    """
    home = Path(tempfile.mkdtemp(prefix="run-"))
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if "guild" in plugins else {}
    with (home / "out").open("wb") as out:
        process = subprocess.Popen(
            [python, "-m", "pytest", "-p", "outcomes", *plugins, *args],
            cwd=cwd or tree,
            env=environment(home, {**alone, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Started(process, home)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT)
        shutil.rmtree(home, ignore_errors=True)


class Started:
    """A run that goes on."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path) -> None:
        self.process = process
        self._home = home
        self._began = time.monotonic()

    def wait_for_outcomes(self, number: int) -> None:
        """Wait until so many outcomes were told."""
        deadline = time.monotonic() + LIMIT
        while len(list(self._records())) < number:
            assert self.process.poll() is None, self._out()
            assert time.monotonic() < deadline, self._out()
            time.sleep(0.05)

    def wait_for(self, path: Path) -> None:
        """Wait until a file is there."""
        deadline = time.monotonic() + LIMIT
        while not path.exists():
            assert time.monotonic() < deadline, self._out()
            time.sleep(0.02)

    def interrupt(self) -> None:
        """Press Ctrl-C, which all processes of the terminal receive."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> Run:
        """Wait for the end, and check that nothing is left."""
        _await(self.process)
        try:
            code = self.process.wait(0)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"It does not end:\n{self._out()}") from None
        seconds = time.monotonic() - self._began
        self._check_nothing_is_left()
        return Run(code, self._out(), seconds, tuple(self._records()))

    def _check_nothing_is_left(self) -> None:
        deadline = time.monotonic() + 5
        while _is_alive(self.process.pid):
            assert time.monotonic() < deadline, f"Processes are left:\n{self._out()}"
            time.sleep(0.02)
        left = [path.name for path in self._home.iterdir() if path.name.startswith("guild")]
        assert not left, f"{left} is left:\n{self._out()}"

    def _out(self) -> str:
        return (self._home / "out").read_text(encoding="utf-8", errors="replace")

    def _records(self) -> Iterator[tuple[str, str, str, str]]:
        path = self._home / "outcomes"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            kind, node, what, text = json.loads(line)
            yield kind, node, what, text


def run(
    tree: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    python: str = sys.executable,
    plugins: tuple[str, ...] = OURS,
) -> Run:
    """Run pytest in a directory to its end."""
    with started(tree, *args, env=env, cwd=cwd, python=python, plugins=plugins) as running:
        return running.end()


def _await(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process; hundreds do, and `Popen.wait` looks but 20 times a second."""
    if not hasattr(os, "pidfd_open"):
        with suppress(subprocess.TimeoutExpired):
            process.wait(LIMIT)
        return
    handle = os.pidfd_open(process.pid)
    try:
        select.select([handle], [], [], LIMIT)
    finally:
        os.close(handle)


def _is_alive(group: int) -> bool:
    """Tell whether a process of the group runs; those that nobody has waited for do not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    found = subprocess.run(
        ["ps", "-A", "-o", "pgid=,state="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in found.stdout.splitlines()]
    return any(int(row[0]) == group and not row[1].startswith("Z") for row in rows)
