"""``guild merge-driver``: what git calls for each file that both sides changed."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from guild_plugins.delivery.driver import drive


def run(directory: Path, args: argparse.Namespace) -> int:
    """Merge one file for git, which calls this as a merge driver

    To set it up by hand:

      git config merge.guild.name "Guild's merge by structure"
      git config merge.guild.driver "guild merge-driver %O %A %B %L %P %S %X %Y"
      echo "* merge=guild" >> .git/info/attributes
    """
    os.chdir(directory)
    return drive(args.arguments)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("arguments", nargs="+", metavar="%O %A %B %L %P %S %X %Y")
