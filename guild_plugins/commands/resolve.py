"""``guild resolve``: what was proposed for files, and branches that conflict with trunk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.commands.resolve_landing import resolve
from guild_plugins.delivery.files import accept_proposal
from guild_plugins.delivery.proposals import list_proposals
from guild_plugins.errors import Exit
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Resolve conflicts: of a branch that did not land, or what was proposed for files

    With a BRANCH (SCOPE or TASK/SCOPE) that guild land left with a conflict, trunk is
    merged into it in its work place by git, and the files that conflict are listed.
    Edit them, git add them, and --continue commits the merge, with your hooks, and lands
    the branch. git merge --abort in the work place takes it back.

    Without one: a proposal is the whole text of a conflicted file. It is kept until it
    is accepted; what is accepted is written, and left for you to stage.
    """
    if args.branch is not None:
        return resolve(directory, args)
    for path in args.accept or ():
        accept_proposal(directory, path)
        print(f"{printable(path)}: written")
    if args.accept:
        return Exit.DONE
    for proposal in list_proposals(directory):
        if args.show is None:
            print(f"{printable(proposal.path)}: {printable(proposal.reason)}")
        elif args.show == proposal.path:
            sys.stdout.buffer.write(proposal.text)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("branch", nargs="?", metavar="BRANCH", help="that conflicts with trunk")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--accept", nargs="+", metavar="PATH", help="take what was proposed")
    chosen.add_argument("--show", metavar="PATH", help="print what was proposed")
    chosen.add_argument(
        "--continue", dest="goes_on", action="store_true", help="commit the merge, and land BRANCH"
    )
    parser.add_argument("--onto", metavar="BRANCH", help="trunk; else what it was begun from")
    parser.add_argument("--push", metavar="REMOTE", help="trunk is the branch of a remote")
