"""The import edges of real packages, beside those of grimp and ruff.

``python -m benchmarks.edges django sympy``: each installed package is copied
into a repository of its own and read three ways. What differs is printed with
its reason; an edge without one is a fault, and ends the command with 1. grimp
and ruff must be installed; grimp counts without imports under TYPE_CHECKING
only where it is told to, so it is not.

Times are of CPU in all processes: Guild's with nothing kept, and again; grimp's
without its cache. Memory is the largest of Guild's process.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.facts import Facts
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.imports import BY_CALL
from guild_plugins.graph.store import Store

Pair = tuple[str, str]
T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("packages", nargs="+")
    faults = 0
    for package in parser.parse_args().packages:
        with tempfile.TemporaryDirectory() as folder:
            faults += compare(package, copy(package, Path(folder)))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 1 if faults else 0


def copy(package: str, folder: Path) -> Repository:
    """Put an installed package into a repository."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    source = spec.submodule_search_locations[0]
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(source, folder / package, ignore=ignored)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A", "-f"], [*who, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    repository = find_repository(folder)
    assert repository is not None
    return repository


def compare(package: str, repository: Repository) -> int:
    """Print one package's figures and differences; return how many have no reason."""
    graph, cold = timed(lambda: by_guild(repository))
    _, warm = timed(lambda: by_guild(repository))
    ours = {(p, edge.target) for p in graph.files for edge in graph.imports(p)}
    grimps, grimp_time = timed(lambda: by_grimp(package, repository.top))
    ruffs, ruff_time = timed(lambda: by_ruff(package, repository.top))
    print(f"{package}: {len(graph.files)} files")
    print(f"  guild {len(ours):6} edges  {cold:.2f} s, kept {warm:.2f} s")
    faults = 0
    for name, theirs, seconds in (("grimp", grimps, grimp_time), ("ruff", ruffs, ruff_time)):
        print(f"  {name:5} {len(theirs):6} edges  {seconds:.2f} s")
        for sign, pairs in (("+", ours - theirs), ("-", theirs - ours)):
            reasons = {pair: reason(sign, pair, graph) for pair in sorted(pairs)}
            for why, count in Counter(reasons.values()).items():
                print(f"    {sign}{count} {why}")
            unexplained = [pair for pair, why in reasons.items() if why == UNKNOWN]
            faults += len(unexplained)
            for source, target in unexplained[:20]:
                print(f"      {source} -> {target}")
    return faults


UNKNOWN = "without a reason"


def reason(sign: str, pair: Pair, graph: ImportGraph) -> str:
    """Say why an edge is only ours (``+``) or only theirs (``-``)."""
    source, target = pair
    if sign == "-":
        return "of a module that imports itself" if source == target else UNKNOWN
    if not all(f"{folder}/__init__.py" in graph.files for folder in _folders(source)):
        return "from a folder that is no package"
    places = [
        e.statement.place for e in graph.imports(source) if e.target == target and e.statement
    ]
    if places and all(place & BY_CALL for place in places):
        return "by a call with a literal name"
    return UNKNOWN


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def by_guild(repository: Repository) -> ImportGraph:
    store = Store(repository.common_dir / "guild")
    tree = revision_tree(repository, "HEAD")
    graph = ImportGraph(tree, ("",), Facts(store, repository.top))
    graph.load()
    for path in graph.files:
        graph.edges_of(path)
    store.close()
    return graph


def by_grimp(package: str, top: Path) -> set[Pair]:
    code = (
        "import sys, json, grimp; sys.path.insert(0, sys.argv[2])\n"
        "g = grimp.build_graph(sys.argv[1], cache_dir=None)\n"
        "json.dump([[m, sorted(g.find_modules_directly_imported_by(m))] for m in g.modules],"
        "sys.stdout)"
    )
    output = run([sys.executable, "-c", code, package, str(top)], top)
    edges = set()
    for module, targets in json.loads(output):
        edges |= {(_path(module, top), _path(target, top)) for target in targets}
    return edges


def by_ruff(package: str, top: Path) -> set[Pair]:
    found: dict[str, Any] = json.loads(
        run([sys.executable, "-m", "ruff", "analyze", "graph", package], top)
    )
    edges = {(s, t) for s, ts in found.items() for t in ts if s != t}
    return {(s, t) for s, t in edges if s.endswith(".py") and t.endswith(".py")}


def run(command: list[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return what a call gives, and the seconds of CPU that it and its children took."""
    before = _cpu()
    result = call()
    return result, _cpu() - before


def _cpu() -> float:
    times = os.times()
    return sum(times[:4])


def _path(module: str, top: Path) -> str:
    place = module.replace(".", "/")
    return f"{place}/__init__.py" if (top / place).is_dir() else f"{place}.py"


if __name__ == "__main__":
    sys.exit(main())
