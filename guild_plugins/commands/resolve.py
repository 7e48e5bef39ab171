"""``guild resolve``: what was proposed for conflicted files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.delivery.files import accept_proposal
from guild_plugins.delivery.proposals import list_proposals
from guild_plugins.errors import Exit
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """List the merges that were proposed, show or accept them

    A proposal is the whole text of a conflicted file. It is kept until it is
    accepted; what is accepted is written, and left for you to stage.
    """
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
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--accept", nargs="+", metavar="PATH", help="take what was proposed")
    chosen.add_argument("--show", metavar="PATH", help="print what was proposed")
