"""``guild uninstall``: take out what ``guild install`` put in."""

from __future__ import annotations

import argparse
from pathlib import Path

from guild_plugins.commands.install import common_arguments, show
from guild_plugins.delivery.installing import uninstall
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository


def run(directory: Path, args: argparse.Namespace) -> int:
    """Take Guild's hooks and merge driver out of this clone

    Hooks that were there before are back under their names, and config and
    info/attributes are what they were, byte for byte; where somebody changed these
    meanwhile, only Guild's own lines are taken out.

    With --json: {"steps": [{"what", "path"}]}.
    """
    steps = uninstall(open_repository(directory), dry=args.dry_run)
    show(steps, "removed", "was installed", args)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    common_arguments(parser)
