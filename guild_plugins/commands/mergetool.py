"""``guild mergetool``: what ``git mergetool`` runs for a file that is in conflict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.delivery.files import merge_files
from guild_plugins.delivery.proposals import drop_proposal
from guild_plugins.errors import Exit
from guild_plugins.merge.render import Labels, Style
from guild_plugins.merge.result import Conflict
from guild_plugins.report.merges import render_region
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Settle one conflicted file for git mergetool, and show each place and the reason

    What the rules are sure of is written into MERGED. What they only propose is
    shown and asked for; --yes takes it. Else MERGED stays as it is, and the exit
    code is 1.
    """
    base, local, remote = (directory / name for name in (args.base, args.local, args.remote))
    style = Style(labels=Labels(b"LOCAL", b"BASE", b"REMOTE"))
    result = merge_files(local, base, remote, style, args.merged)
    print("\n".join(map(render_region, result.regions)))
    text = result.text
    if isinstance(result, Conflict):
        if result.proposal is None or not (args.yes or _confirms()):
            why = result.reason or "both sides changed it"
            print(f"guild: {printable(args.merged)} stays as it is: {why}", file=sys.stderr)
            return Exit.NO
        text = result.proposal
    (directory / args.merged).write_bytes(text)
    drop_proposal(directory, args.merged)
    return Exit.DONE


def _confirms() -> bool:
    """Ask, where there is somebody to be asked."""
    if not sys.stdin.isatty():
        return False
    try:
        return input("Take what is proposed? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--yes", action="store_true", help="take what is proposed without asking")
    for name in ("base", "local", "remote", "merged"):
        parser.add_argument(name, metavar=name.upper())
