"""Whether a change that breaks a test is ever overlooked: seeded mutations of real packages.

``python -m benchmarks.mutations networkx --tests networkx/utils --within networkx/utils --keep F``

A copy of an installed package is put into a git repository and mutated in one place at a time: a
function's body, a default, a constant, a data file, a conftest, a module that is deleted, a
conftest, a package or a module of the same name that appears. After each, all tests are run by
plain pytest; then those that ``--guild-affected`` selects, those that ``--guild-cache`` does not
skip, and, where it is installed, those that pytest-testmon selects. A miss is a test that fails
among all and did not fail there. The shares of tests that ran are those of the mutations that broke
something: where nothing breaks, nothing can be missed, and only all tests are run.

By hand: it takes some seconds for each mutation. What each came to is a line of the file that
``--keep`` names: begun again, the command goes on where it was, and `benchmarks.mutation_table`
makes a table of such files. Each run is the child of a process that has
imported pytest and its plugins, since that takes longer than many of the runs; bytecode is kept
between runs, so every file that changes gets a time of its own.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.mutation_table import Mutation, Ran, read, render, write

PLUGIN = """
import json, os
ENDS = {}
def pytest_runtest_logreport(report):
    if hasattr(report, "guild_cached"):
        return
    if report.failed:
        ENDS[report.nodeid] = "failed"
    else:
        ENDS.setdefault(report.nodeid, "passed")
def pytest_collectreport(report):
    if report.failed:
        ENDS[report.nodeid] = "failed"
def pytest_unconfigure():
    with open(os.environ["ENDS"], "w") as file:
        json.dump(ENDS, file)
"""
PLAIN = ("-p", "ends", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:testmon")
GUILD = (*PLAIN, "-n0", "--guild-scopes")
WAYS = {
    "all": PLAIN,
    "--guild-affected": (*GUILD, "--guild-affected"),
    "--guild-cache": (*GUILD, "--guild-cache"),
    "testmon": ("-p", "ends", "-q", "-p", "no:randomly", "--testmon"),
}
PLUGINS = (
    "coverage",
    "guild_plugins.suites.start",
    "guild_plugins.suites.session",
    "pytest_cov.plugin",
    "testmon.pytest_testmon",
    "_pytest.junitxml",
    "xdist.plugin",
)
KINDS = ("body", "default", "constant", "data", "conftest", "delete", "appear")
SLOW = 200
"""Seconds of CPU after which a mutation is left out: it made something run without end."""


class Bench:
    """A package in a repository of its own."""

    def __init__(
        self, package: str, tests: Sequence[str], within: Sequence[str], work: Path
    ) -> None:
        self.tests, self._within = tuple(tests), tuple(within)
        self.top = work / package
        spec = importlib.util.find_spec(package)
        assert spec is not None, f"{package} is not installed"
        assert spec.origin is not None
        source = Path(spec.origin).parent
        shutil.copytree(source, self.top / package, ignore=shutil.ignore_patterns("__pycache__"))
        for path in self.top.rglob("*.py"):
            os.utime(path, (1_000_000_000, 1_000_000_000))
        (self.top / "pytest.ini").write_text("[pytest]\n")
        (self.top / ".gitignore").write_text("__pycache__/\n.testmondata*\n.pytest_cache/\n")
        (work / "ends.py").write_text(PLUGIN)
        self.work = work
        self._since = time.time()
        self._clock = 1_000_000_000
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "start")):
            self.git(*command)

    def git(self, *args: str) -> None:
        """Run git in the repository."""
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *args], cwd=self.top, check=True, capture_output=True)

    def run(self, *options: str) -> dict[str, str]:
        """Run tests with options of pytest; return how each that ran has ended."""
        ends = self.work / "ends.json"
        ends.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._test(options, ends)
        code = _wait(child)
        if not ends.exists():
            return {"": "failed"} if code else {}
        found: dict[str, str] = json.loads(ends.read_text())
        return found

    def _test(self, options: Sequence[str], ends: Path) -> NoReturn:
        """Be a process that runs tests."""
        code: int = 3
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SLOW, SLOW + 5))
            for stream in (1, 2):
                os.dup2(os.open(self.work / "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            os.chdir(self.top)
            os.environ["ENDS"] = str(ends)
            sys.path[:0] = [str(self.work), str(self.top)]
            sys.pycache_prefix = str(self.work / "bytecode")
            sys.argv[:] = ["pytest"]
            code = int(pytest.main([*options, *self.tests]))
        finally:
            sys.stdout.flush()
            os._exit(code)

    def restore(self) -> None:
        """Undo a mutation."""
        self.git("checkout", "-q", "--", ".")
        self.git("clean", "-qfd")
        self.touch()

    def touch(self) -> None:
        """Give what was changed just now a time that nothing had: bytecode goes by it."""
        self._clock += 10
        for path in self.top.rglob("*.py"):
            if path.stat().st_mtime >= self._since:
                os.utime(path, (self._clock, self._clock))

    def files(self, kind: str) -> list[Path]:
        """Return the files that a kind of mutation may change, sorted."""
        within = {p for place in self._within for p in (self.top / place).rglob("*")}
        within |= {self.top / place for place in self._within}
        found = sorted(p for p in within if p.is_file() and ".git" not in p.parts)
        if kind == "appear":
            return [p for p in found if p.suffix == ".py" and p.name != "__init__.py"]
        if kind == "conftest":
            return [p for p in found if p.name == "conftest.py"]
        if kind == "data":
            return [p for p in found if p.suffix not in (".py", ".ini", "", ".so", ".typed")]
        code = [p for p in found if p.suffix == ".py" and p.name != "conftest.py"]
        return [p for p in code if "tests" not in p.parts and p.stat().st_size > 0]


def mutate(bench: Bench, kind: str, chance: random.Random) -> str | None:
    """Change one place; return what was changed, or nothing where this file has no such place."""
    files = bench.files(kind)
    if not files:
        return None
    path = chance.choice(files)
    name = str(path.relative_to(bench.top))
    if kind == "delete":
        path.unlink()
    elif kind == "data":
        content = bytearray(path.read_bytes() or b"x")
        at = chance.randrange(len(content))
        content[at] ^= 0xFF
        path.write_bytes(content)
    elif kind == "appear":
        return _appear(bench, path, chance)
    elif kind == "conftest":
        line = chance.choice(["raise RuntimeError('mutated')\n", "collect_ignore_glob = []\n"])
        path.write_text(path.read_text() + "\n" + line)
    else:
        text = path.read_text(encoding="utf-8")
        places = list(PLACES[kind](ast.parse(text)))
        if not places:
            return None
        place, new = chance.choice(places)
        path.write_text(_replaced(text, place, new), encoding="utf-8")
        name += f":{place.lineno}"
    return f"{kind} {name}"


def _appear(bench: Bench, beside: Path, chance: random.Random) -> str:
    """Add a file that was not there: a conftest, a package in place of a module, a sibling."""
    new = beside.with_name("conftest.py")
    way = chance.choice(("conftest", "package", "top"))
    if way == "package" and beside.name != "__init__.py":
        new = beside.with_suffix("") / "__init__.py"
    elif way == "top":
        names = ("decimal", "fractions", "heapq", "textwrap", "conftest", "mpmath", "numpy")
        new = bench.top / f"{chance.choice(names)}.py"
    if new.exists():
        with new.open("a") as file:
            file.write("\nraise RuntimeError('mutated')\n")
    else:
        new.parent.mkdir(exist_ok=True)
        new.write_text("raise RuntimeError('mutated')\n")
    return f"appear {new.relative_to(bench.top)}"


class RunsOn(Exception):
    """A run did not end in time."""


def _wait(child: int) -> int:
    """Wait for a child; return its exit code.

    :raises RunsOn: It was ended since it took too long.
    """
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        raise RunsOn
    return os.waitstatus_to_exitcode(status)


Place = tuple[ast.stmt | ast.expr, str]


def _bodies(tree: ast.AST) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.body[-1], "raise RuntimeError('mutated')"


def _defaults(tree: ast.AST) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                if isinstance(default, ast.Constant):
                    yield default, repr(_other(default.value))


def _constants(tree: ast.AST) -> Iterator[Place]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            yield node, repr(_other(node.value))


PLACES: dict[str, Callable[[ast.AST], Iterator[Place]]] = {
    "body": _bodies,
    "default": _defaults,
    "constant": _constants,
}


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return 7 if value is None else "mutated"


def _replaced(text: str, place: ast.stmt | ast.expr, new: str) -> str:
    lines = text.encode().splitlines(keepends=True)
    assert place.end_lineno is not None
    assert place.end_col_offset is not None
    before = b"".join(lines[: place.lineno - 1]) + lines[place.lineno - 1][: place.col_offset]
    last = lines[place.end_lineno - 1]
    after = last[place.end_col_offset :] + b"".join(lines[place.end_lineno :])
    return (before + new.encode() + after).decode()


def measure(
    bench: Bench, numbers: Sequence[int], part: str, seed: int, ways: Sequence[str]
) -> Iterator[Mutation]:
    """Mutate once for each number, and yield what each mutation came to.

    Each has a random generator of its own, so that it is the same whatever came before it.
    """
    ways = _prepare(bench, ways)
    total = len(bench.run(*WAYS["all"]))
    for number in numbers:
        chance = random.Random(f"{seed}:{number}")
        what = None
        while what is None:
            kinds = (KINDS[number % len(KINDS)], "body", "constant")
            what = next(filter(None, (mutate(bench, kind, chance) for kind in kinds)), None)
        bench.touch()
        try:
            yield _judge(bench, Mutation(part, seed, number, what, total), ways)
        except RunsOn:
            yield Mutation(part, seed, number, what, total, is_endless=True)
        bench.restore()


def _prepare(bench: Bench, ways: Sequence[str]) -> list[str]:
    """Have each way see all tests once; return those that it did something for."""
    for way in ("--guild-cache", "testmon"):
        if way in ways:
            bench.run(*WAYS[way])
    database = bench.top / ".testmondata"
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(database, bench.work / "testmon")
        return list(ways)
    if "testmon" in ways:
        print("testmon wrote nothing down, and is left out", flush=True)
    return [way for way in ways if way != "testmon"]


def _judge(bench: Bench, mutation: Mutation, ways: Sequence[str]) -> Mutation:
    """Run all tests, and where one is broken, those that each way chooses."""
    broken = {test for test, end in bench.run(*WAYS["all"]).items() if end == "failed"}
    mutation.broken = len(broken)
    for way in ways if broken else ():
        if way == "testmon":
            for old in bench.top.glob(".testmondata*"):
                old.unlink()
            shutil.copy(bench.work / "testmon", bench.top / ".testmondata")
        ends = bench.run(*WAYS[way])
        if "" in ends:  # the run failed before any test, as nobody overlooks
            mutation.ran[way] = Ran(0, 0, [])
            continue
        missed = sorted(test for test in broken if ends.get(test) != "failed")
        mutation.ran[way] = Ran(len(ends), len(missed), missed[:3])
    return mutation


def import_plugins(more: Sequence[str]) -> None:
    """Import what every run imports; nothing of what is tested."""
    for name in (*PLUGINS, *more):
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)


def main() -> int:
    """Measure one package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("--tests", nargs="+", default=["."])
    parser.add_argument("--within", nargs="+", default=["."], help="files and folders to change")
    parser.add_argument("--preload", nargs="+", default=[], help="packages to import only once")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a file of results, to be added to")
    options = parser.parse_args()
    has_testmon = importlib.util.find_spec("testmon") is not None
    ways = [way for way in WAYS if way != "all" and (way != "testmon" or has_testmon)]
    part = " ".join(options.tests)
    known = read([options.keep]) if options.keep is not None and options.keep.exists() else []
    known = [each for each in known if (each.part, each.seed) == (part, options.seed)]
    done = {each.number for each in known}
    numbers = [number for number in range(options.count) if number not in done]
    sys.path_importer_cache.clear()
    import_plugins(options.preload)
    with tempfile.TemporaryDirectory(prefix="guild-mutations-") as work:
        bench = Bench(options.package, options.tests, options.within, Path(work).resolve())
        for mutation in measure(bench, numbers, part, options.seed, ways):
            print(mutation, flush=True)
            known.append(mutation)
            if options.keep is not None:
                write(options.keep, mutation)
    print(render(known))
    ours = (ran for each in known for way, ran in each.ran.items() if way != "testmon")
    return 1 if any(ran.missed for ran in ours) else 0


if __name__ == "__main__":
    raise SystemExit(main())
