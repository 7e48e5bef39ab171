"""The command: chooses suites and ways to run them, measures in rounds, prints the tables."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import guild_plugins
from benchmarks.modes import DISTS, Mode, modes
from benchmarks.running import Run, RunFailed, adopt_orphans, run, warm_up
from benchmarks.suites import SUITES, Suite
from benchmarks.table import difference, render

PACKAGES = ("guild-plugins", "pytest", "pytest-xdist", "coverage", "pytest-cov")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print what was measured."""
    args = _parser().parse_args(argv)
    if sys.platform != "linux":
        print("The benchmarks read /proc, which only Linux has.", file=sys.stderr)
        return 2
    adopt_orphans()
    # pip compiles what it installs, a work tree it does not: so the others came compiled.
    compileall.compile_dir(Path(guild_plugins.__file__).parent, quiet=2)
    chosen = list(modes(args.workers, args.dist, covers=args.cov))
    results: dict[str, object] = {"conditions": conditions(args)}
    if not args.json:
        print(f"{describe(results['conditions'])}\n")
    for name in args.suite or SUITES:
        suite = SUITES[name]
        if suite.missing:
            print(f"{name}: {', '.join(suite.missing)} not installed", file=sys.stderr)
            continue
        runs = measure(suite, chosen, args.rounds, is_cold=args.cold)
        if args.json:
            results[name] = as_data(runs)
        else:
            print(f"### {name}: {suite.about}\n\n{render(runs)}\n", flush=True)
    if args.json:
        print(json.dumps(results, indent=2))
    return 0


def measure(
    suite: Suite, chosen: Sequence[Mode], rounds: int, *, is_cold: bool
) -> dict[Mode, list[Run]]:
    """Run a suite in every way once a round, so that all see the same weather."""
    runs: dict[Mode, list[Run]] = {mode: [] for mode in chosen}
    with tempfile.TemporaryDirectory(prefix="guild-benchmark-") as name:
        scratch = Path(name)
        project = scratch / "project"
        project.mkdir()
        layout = suite.prepare(project)
        if not is_cold:
            warm_up(layout, scratch)
        for number in range(rounds):
            for mode in list(runs):
                try:
                    done = run(layout, mode, scratch, is_cold=is_cold)
                except RunFailed as error:
                    _tell(f"{suite.name}: {error}")
                    del runs[mode]  # pytest's own message says why; the others go on
                else:
                    runs[mode].append(done)
                    _tell(f"{suite.name}, round {number + 1}: {mode.name} took {done.wall:.2f} s")
    return runs


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def conditions(args: argparse.Namespace) -> dict[str, object]:
    """Return under what conditions is measured."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": versions,
        "bytecode": "cold" if args.cold else "warm",
        "rounds": args.rounds,
    }


def describe(known: object) -> str:
    """Return the conditions as a sentence."""
    assert isinstance(known, dict)
    packages = ", ".join(f"{name} {number}" for name, number in known["versions"].items())
    bytecode = {
        "cold": "no rewritten bytecode of tests (PYTHONDONTWRITEBYTECODE, -pytest-*.pyc removed)",
        "warm": "rewritten bytecode of tests cached by a run before",
    }[known["bytecode"]]
    return (
        f"CPython {known['python']}, {known['cores']} cores, {packages}; {bytecode}; medians of "
        f"{known['rounds']} rounds, each of all ways in turn. Memory: RSS of all processes, "
        "summed, sampled 20 times a second. What other programs used of the cores lengthens wall "
        "times; CPU times bear it better."
    )


def as_data(runs: dict[Mode, list[Run]]) -> list[dict[str, object]]:
    """Return every run, with the number of outcomes in place of the outcomes."""
    serial = next((of_mode for mode, of_mode in runs.items() if mode.tool == "serial"), [])
    return [
        {
            "mode": mode.name,
            "against_serial": difference(serial, of_mode),
            "runs": [asdict(each) | {"outcomes": len(each.outcomes)} for each in of_mode],
        }
        for mode, of_mode in runs.items()
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare Guild with pytest-xdist."
    )
    parser.add_argument(
        "--suite", action="append", choices=SUITES, help="only this one; may be repeated"
    )
    parser.add_argument(
        "--workers", type=_counts, default=[2], metavar="N,...", help="numbers of workers (2)"
    )
    parser.add_argument(
        "--dist", type=_dists, default=DISTS, metavar="MODE,...", help="xdist's modes (all)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (3)")
    parser.add_argument("--cold", action="store_true", help="without cached bytecode of the tests")
    parser.add_argument("--cov", action="store_true", help="measure coverage in every run")
    parser.add_argument("--json", action="store_true", help="print every run as data")
    return parser


def _counts(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _dists(text: str) -> list[str]:
    names = text.split(",")
    unknown = sorted(set(names) - set(DISTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(DISTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
