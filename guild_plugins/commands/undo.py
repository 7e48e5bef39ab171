"""``guild undo``: take back the last commits that Guild made on this branch."""

from __future__ import annotations

import argparse
from pathlib import Path

from guild_plugins.delivery.undo import BACKUP, undo
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable


def run(directory: Path, _: argparse.Namespace) -> int:
    """Take back the last commits that guild commit made on this branch, or a split

    All commits of one guild commit at once; said again, those of the one before. What
    was committed is staged again, and stays under refs/guild/backup as well. What guild
    split divided is one commit again. A branch that something else has moved since is
    left alone.
    """
    last = undo(open_repository(directory))
    back = last.old or ""
    print(
        f"{printable(last.reference)} is back at {back[:10]}; {last.new[:10]} is kept as {BACKUP}"
        f"{last.new[:16]}"
    )
    return Exit.DONE


def arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""
