"""``guild verify``: check landings from outside."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.verifying import Verified, verify
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Check that landings are what was tested, and undid nothing

    Of each landing in the range (A..B, or all that came before B; without one, of
    what is checked out): its tree is the one that was tested; what it changed on trunk
    is its branch's change, path by path, and every other path is as it was; where trunk
    had changed a file too, none of its lines is lost; and the lease that it was written
    under was nobody else's by then, where this clone's journal tells. It needs git and
    nothing else. Exit code 1 where something is wrong.

    With --json: {"landings": [{"landing": {"commit", "parents", "tree", "scope", "task",
    "tip", "tested", "generation": number or null}, "problems": [text], "unchecked":
    [text, what could not be told here]}]}.
    """
    repository = open_repository(directory)
    journal = Journal(place_in(repository.common_dir))
    found = verify(repository, args.range, journal)
    if args.json:
        print(json.dumps({"landings": [asdict(one) for one in found]}, indent=2))
    else:
        _show(found)
    return Exit.NO if any(one.problems for one in found) else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("range", nargs="?", default="HEAD", metavar="RANGE", help="A..B, or B")
    parser.add_argument("--json", action="store_true", help="print data")


def _show(found: list[Verified]) -> None:
    for one in found:
        name = f"{one.landing.commit[:10]}  {one.landing.task}/{one.landing.scope}"
        for problem in one.problems:
            print(printable(f"{name}  wrong: {problem}"))
        for text in one.unchecked:
            print(printable(f"{name}  not checked: {text}"))
    wrong = sum(1 for one in found if one.problems)
    open_ones = sum(1 for one in found if one.unchecked and not one.problems)
    print(f"{len(found)} landings: {wrong} wrong, {open_ones} not fully checked")
