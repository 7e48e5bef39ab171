"""Whether coverage stays whole: seeded changes, a part of the files run, and then all of them.

``python -m benchmarks.coverage networkx --tests networkx/utils --within networkx/utils``

After each change the tests run with ``--guild-cov --guild-cache``. What that reports, lines or
arcs, is held against a run of everything without kept results, and with contexts (which scope
ran what) against one that keeps results and has none yet.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.mutations import PLAIN, Bench, RunsOn, import_plugins, mutate

KINDS = ("body", "default", "constant", "data", "conftest", "delete")
MEASURED = (*PLAIN, "-p", "no:cov", "--guild-scopes", "--guild-cov", "--guild-cov-report=none")
PART = (*MEASURED, "--guild-cache")
Points = dict[str, set[tuple[object, ...]]]


def points(bench: Bench) -> Points:
    """Return what was measured of each file: its context and lines or arcs."""
    found: Points = {}
    joined = "JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
    with closing(sqlite3.connect(bench.top / ".coverage")) as data:
        for path, context, bits in data.execute(
            f"SELECT path, context, numbits FROM line_bits {joined}"
        ):
            number = int.from_bytes(bits, "little")
            lines = (n for n in range(number.bit_length()) if number >> n & 1)
            found.setdefault(path, set()).update((context, line) for line in lines)
        for path, *arc in data.execute(f"SELECT path, context, fromno, tono FROM arc {joined}"):
            found.setdefault(path, set()).add(tuple(arc))
    return found


def plain(measured: Points) -> Points:
    """Return it without contexts."""
    return {path: {point[1:] for point in found} for path, found in measured.items()}


def differing(one: Points, other: Points) -> int:
    """Return how many lines or arcs only one of them has."""
    paths = one.keys() | other.keys()
    return sum(len(one.get(path, set()) ^ other.get(path, set())) for path in paths)


def afresh(bench: Bench, workers: str) -> Points:
    """Return what a run of everything measures that keeps results, and has none yet."""
    kept = bench.top / ".git/guild/kept.db"
    away = kept.rename(kept.with_suffix(".away"))
    bench.run(*PART, workers)
    for file in kept.parent.glob("kept.db*"):
        file.unlink()
    away.rename(kept)
    return points(bench)


def compare(bench: Bench, options: argparse.Namespace) -> int:
    """Change one place after the other; return after how many of them something differed."""
    chance = random.Random(options.seed)
    workers = f"-n{options.workers}"
    bench.run(*PART, workers)
    wrong = done = 0
    while done < options.count:
        what = mutate(bench, KINDS[done % len(KINDS)], chance) or mutate(bench, "constant", chance)
        if what is None:
            continue
        bench.touch()
        try:
            ran = len(bench.run(*PART, workers))
            part = points(bench)
            total = len(bench.run(*MEASURED, workers))
            whole, new = points(bench), afresh(bench, workers)
        except RunsOn:
            bench.restore()
            continue
        done += 1
        off = differing(plain(whole), plain(part)), differing(new, part)
        wrong += any(off)
        print(
            f"{done}: {what}: ran {ran} of {total} tests; of {sum(map(len, part.values()))} points "
            f"with contexts {off[1]} differ, without {off[0]}",
            flush=True,
        )
        bench.restore()
    return wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the coverage of one package's tests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("--tests", nargs="+", default=["."])
    parser.add_argument("--within", nargs="+", default=["."], help="files and folders to change")
    parser.add_argument("--preload", nargs="+", default=[], help="packages to import only once")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--branch", action="store_true")
    options = parser.parse_args(argv)
    import_plugins(options.preload)
    with tempfile.TemporaryDirectory(prefix="guild-coverage-benchmark-") as work:
        bench = Bench(options.package, options.tests, options.within, Path(work).resolve())
        config = f"[run]\nsource = {options.package}\nbranch = {options.branch}\n"
        (bench.top / ".coveragerc").write_text(config)
        with (bench.top / ".gitignore").open("a") as ignored:
            ignored.write(".coverage*\n")
        bench.git("add", "-A", "-f")
        bench.git("commit", "-qm", "measure")
        wrong = compare(bench, options)
    print(f"{options.count} changes; coverage differed after {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
