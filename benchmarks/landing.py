"""Landing branches of a real repository, against a queue that takes one after the other.

``python -m benchmarks.landing CLONE --package boltons --tests tests --at REVISION``

Each module of a package is a scope, with its test files. Trunk is an older commit of the clone,
and the branches are what the modules became since (real changes, one branch a module), further
branches of the same scopes, and seeded ones that fail: a test that fails, a file of another
scope, two changes of one line. All of them are landed, each time in a fresh copy: by a serial
queue, which merges, tests and lands one branch after the other (with pytest in one process, and
with a worker for each core), and by one ``guild land``. All test by the same means, only what a
branch can affect.

What is checked: the same branches land in all ways and the same are left, each with a report;
``guild verify`` finds nothing wrong; and with ``--check`` each commit of trunk passes all tests of
the package, and ``guild check``. Exit code 1 where that is not so. By hand: some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.branches import Branch, choose
from guild_plugins.delivery.landing.verifying import verify
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.git.repository import open_repository
from guild_plugins.plugins.landing import Manner, land_branches

WAYS = ("serial", "serial -n", "guild")
FAILING = "\n\ndef test_seeded():\n    assert 1 == 2\n"


@dataclass(frozen=True)
class Package:
    """A package in a work tree: its modules are scopes."""

    top: Path
    name: str
    tests: str

    def modules(self) -> list[str]:
        """Return the names of its modules that have tests."""
        found = sorted(path.stem for path in (self.top / self.name).glob("[!_]*.py"))
        return [name for name in found if self.paths(name)[1:]]

    def paths(self, module: str) -> list[str]:
        """Return a module's files: its code, and its tests."""
        tests = sorted((self.top / self.tests).glob(f"test_{module}*.py"))
        return [f"{self.name}/{module}.py", *(f"{self.tests}/{one.name}" for one in tests)]


def git(top: Path, *words: str) -> str:
    """Run git."""
    done = subprocess.run(["git", *words], cwd=top, check=True, capture_output=True, text=True)
    return done.stdout


def prepare(clone: Path, top: Path, args: argparse.Namespace) -> None:
    """Make a repository with trunk and the branches."""
    subprocess.run(["git", "clone", "-q", str(clone), str(top)], check=True)
    for key, value in (("user.name", "b"), ("user.email", "b@x"), ("gc.auto", "0")):
        git(top, "config", key, value)
    newest = git(top, "rev-parse", "HEAD").strip()
    git(top, "checkout", "-q", "-B", "main", args.at)
    git(top, "remote", "remove", "origin")
    package = Package(top, args.package, args.tests)
    rows = [
        f"[scopes.{module}]\n"
        f'paths = ["{args.package}/{module}.py", "{args.tests}/test_{module}*"]\n'
        for module in package.modules()
    ]
    (top / "guild.toml").write_text("".join(rows))
    git(top, "add", "-A")
    git(top, "commit", "-qm", "Scopes")
    for count, (name, files) in enumerate(changes(package, newest, args.branches)):
        git(top, "switch", "-qc", f"guild/{name}", "main")
        for path, text in files.items():
            (top / path).write_text(text)
        git(top, "add", "-A")
        git(top, "commit", "-qm", f"{name}, the {count + 1}. branch")
    git(top, "switch", "-q", "main")


def changes(package: Package, newest: str, count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the branches' names and files."""
    real = list(later(package, newest))
    others = list(seeded(package, [name.split("/")[1] for name, _ in real]))
    yield from real[: max(0, count - len(others))]
    yield from others


def later(package: Package, newest: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the modules became."""
    for module in package.modules():
        paths = package.paths(module)
        changed = git(package.top, "diff", "--name-only", "main", newest, "--", *paths).split()
        files = {path: git(package.top, "show", f"{newest}:{path}") for path in changed}
        if files:
            yield f"later/{module}", files


def seeded(package: Package, modules: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield branches of scopes that have one already, and branches that cannot land."""

    def text(path: str) -> str:
        return (package.top / path).read_text()

    def more(module: str) -> dict[str, str]:
        path = package.paths(module)[0]
        code = f"{text(path).rstrip()}\n\n\ndef seeded():\n    return 1\n"
        name = f"{package.name}.{module}"
        test = f"from {name} import seeded\n\n\ndef test_more():\n    assert seeded() == 1\n"
        return {path: code, f"{package.tests}/test_{module}_seeded.py": test}

    for module in modules[:3]:
        yield f"more/{module}", more(module)
    for module in modules[3:5]:
        path = package.paths(module)[1]
        yield f"tests_fail/{module}", {path: text(path) + FAILING}
    path = package.paths(modules[6])[0]
    yield f"gates_fail/{modules[5]}", {path: text(path) + "\n\nSEEDED = 1\n"}
    path = package.paths(modules[-1])[0]
    for task in ("clash_1", "clash_2"):
        first, rest = text(path).split("\n", 1)
        yield f"{task}/{modules[-1]}", {path: f"{first}  # {task}\n{rest}"}


def land(top: Path, way: str) -> dict[str, str]:
    """Land all branches in one way; return what became of each."""
    repository = open_repository(top)
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    branches = choose(repository, places, everything=True, onto="main")
    parts: list[list[Branch]] = [branches] if way == "guild" else [[one] for one in branches]
    workers = {"serial": "0", "serial -n": str(os.cpu_count())}.get(way)
    manner = Manner() if way == "guild" else Manner(workers=workers, at_once=1)
    found: dict[str, str] = {}
    for part in parts:
        for one in land_branches(repository, part, manner).outcomes:
            if one.is_left and not (one.details and one.resume):
                raise AssertionError(f"{one.branch} is left without a report")
            found[f"{one.task}/{one.scope}"] = one.kind
            print(json.dumps(asdict(one)))
    return found


@dataclass(frozen=True)
class Round:
    """What landing all branches took, and what became of each."""

    seconds: float
    cpu: float
    kinds: dict[str, str]
    top: Path


def measure(origin: Path, folder: Path, way: str) -> Round:
    """Land in a fresh copy, in a process of its own."""
    top = folder / way.replace(" ", "") / "repo"
    shutil.rmtree(top.parent, ignore_errors=True)
    shutil.copytree(origin, top, symlinks=True)
    words = [sys.executable, "-m", "benchmarks.landing", str(top), "--way", way]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = {f"{one['task']}/{one['scope']}": one["kind"] for one in rows}
    return Round(seconds, cpu, kinds, top)


def problems(top: Path, tests: str, *, whole: bool) -> list[str]:
    """Return what is wrong with trunk: its proofs, and its commits' tests."""
    repository = open_repository(top)
    checked = verify(repository, "main")
    found = [f"{one.landing.commit}: {each}" for one in checked for each in one.problems]
    for commit in git(top, "rev-list", "main^{/^Scopes}..main").split() if whole else ():
        git(top, "checkout", "-q", "--detach", commit)
        for words in (["guild_plugins.start", "check"], ["pytest", "-q", tests]):
            command = [sys.executable, "-m", *words]
            done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
            if done.returncode:
                found.append(f"{commit}: {words}: {done.stdout.splitlines()[-1]}")
    return found


def main() -> int:
    """Measure, check and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--package")
    parser.add_argument("--tests", default="tests")
    parser.add_argument("--at", help="the commit that is trunk")
    parser.add_argument("--branches", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="judge and test each commit")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        land(args.clone, args.way)
        return 0
    with tempfile.TemporaryDirectory() as name:
        return compare(args, Path(name))


def compare(args: argparse.Namespace, folder: Path) -> int:
    """Land in all ways, some times, each round in turn."""
    origin = folder / "origin"
    prepare(args.clone, origin, args)
    times: dict[str, list[Round]] = {way: [] for way in WAYS}
    kinds: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    for number in range(args.rounds):
        for way in WAYS:
            one = measure(origin, folder, way)
            kinds[way] = one.kinds
            times[way].append(one)
            print(f"{way}: {one.seconds:.1f} s, CPU {one.cpu:.1f} s", file=sys.stderr)
            whole = args.check and way == "guild" and not number
            wrong += problems(one.top, args.tests, whole=whole)
            if kinds[way] != kinds["serial"]:
                wrong.append(
                    f"{way} differs: {sorted(kinds[way].items() ^ kinds['serial'].items())}"
                )
    for branch, kind in sorted(kinds["guild"].items()):
        print(f"{branch:32} {kind}")
    for line in wrong:
        print(f"WRONG: {line}")
    medians = {way: statistics.median(one.seconds for one in times[way]) for way in WAYS}
    quickest = min(medians["serial"], medians["serial -n"])
    for way in WAYS:
        cpu = statistics.median(one.cpu for one in times[way])
        print(f"{way:10} {medians[way]:6.1f} s, CPU {cpu:6.1f} s")
    print(f"{quickest / medians['guild']:.2f} times as quick as the quicker serial queue")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
