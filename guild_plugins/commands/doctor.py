"""``guild doctor``: what is wrong with Guild's state, and how to set it right."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from guild_plugins.delivery.doctor import examine, remarks
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Look for what crashes left behind, and set it right

    Looks at the journal's checksums, at leases of dead holders, at the lease table,
    at operations and work places that were interrupted, at work trees that are gone,
    and at old lock files of git. Without --fix nothing is changed. Exit code 1 says
    that something is left to do.

    With --json: {"ailments": [{"kind", "text", "repairable"}], "fixed": whether
    --fix was given, "remarks": [text]}; kinds are git-too-old, git-lock,
    journal-damaged, dead-holder, lease-drift, half-done, left-behind, workplace-drift,
    half-made, half-removed, left-files, lost-tree, broken-tree and half-landed.
    """
    repository = open_repository(directory)
    found = examine(repository)
    if args.fix:
        for ailment in found:
            if ailment.repair is not None:
                ailment.repair()
    left = examine(repository) if args.fix and found else found
    if args.json:
        listed = [
            {"kind": one.kind, "text": one.text, "repairable": one.repair is not None}
            for one in found
        ]
        print(json.dumps({"ailments": listed, "fixed": args.fix, "remarks": remarks()}, indent=2))
        return Exit.NO if left else Exit.DONE
    texts = {one.text for one in left}
    for ailment in found:
        done = "set right: " if args.fix and ailment.text not in texts else ""
        print(f"{done}{ailment.kind}: {printable(ailment.text)}")
    for remark in remarks():
        print(f"note: {remark}", file=sys.stderr)
    if not found:
        print("All is well.")
    return Exit.NO if left else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--fix", action="store_true", help="set right what can be")
    what.add_argument("--dry-run", action="store_true", help="only look, which is the default")
    parser.add_argument("--json", action="store_true", help="print data")
