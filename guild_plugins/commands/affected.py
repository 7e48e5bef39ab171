"""``guild affected``: the test files that a change can affect."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from guild_plugins.commands.rules import base_argument, rules_of
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.graph.affected import environment_now, find_affected
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.environment import as_text
from guild_plugins.graph.impact import Impact
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """List the test files that a change can affect

    The change is what the work tree holds, untracked files too, beyond the
    point where it and the base parted. Test files are listed one a line, with
    --explain each with the steps that lead to what changed.

    No tree holds what tests run in: Python, the platform, installed packages, and
    the variables that the configuration names. --save-environment writes it down
    where the base is tested; --environment compares with that later.

    With --json: {"version": 1, "base", "changed": [path], "environment": [how it
    differs], "scopes": [id], "tests": [{"path", "scope", "chain": [{"path", "why",
    "line", "cause"}]}]}; a chain leads from the test to a changed file, or to "the
    environment", and is empty for a changed test.
    """
    repository = open_repository(directory)
    if args.save_environment:
        return _save(repository, args.save_environment)
    impact, book = find_affected(repository, args.base, rules_of(repository), args.environment)
    if args.json:
        print(json.dumps(_as_data(args.base, impact, book), indent=2))
        return Exit.DONE
    for path in impact.tests:
        print(printable(path))
        for link in impact.chain(path) if args.explain else ():
            line = f", line {link.line}" if link.line else ""
            print(f"  {printable(link.path)} <- {printable(link.cause)} ({link.why}{line})")
    for difference in impact.environment:
        print(f"the environment: {printable(difference)}", file=sys.stderr)
    counts = f"{len(impact.changed)} changed files affect {len(impact.tests)} test files"
    print(f"{counts} in {len(impact.scopes)} scopes", file=sys.stderr)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    base_argument(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--explain", action="store_true", help="say why, step by step")
    form.add_argument("--json", action="store_true", help="print data")
    form.add_argument(
        "--save-environment", metavar="FILE", type=Path, help="only write down what tests run in"
    )


def _save(repository: Repository, place: Path) -> int:
    place.write_text(as_text(environment_now(repository, rules_of(repository))), encoding="utf-8")
    return Exit.DONE


def _as_data(base: str, impact: Impact, book: RuleBook) -> dict[str, object]:
    tests = [
        {
            "path": path,
            "scope": book.owner_of(path),
            "chain": [link._asdict() for link in impact.chain(path)],
        }
        for path in impact.tests
    ]
    found = {"base": base, "changed": impact.changed, "scopes": impact.scopes}
    found["environment"] = impact.environment
    return {"version": 1, **found, "tests": tests}
