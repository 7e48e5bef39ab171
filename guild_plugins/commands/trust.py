"""``guild trust``: let this clone run the commands that its configuration names."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from guild_plugins.coordination.trust import is_trusted, revoke, trust
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable
from guild_plugins.scopes.config import find_source, read_configuration
from guild_plugins.scopes.tree import DiskTree


def run(directory: Path, args: argparse.Namespace) -> int:
    """Let this clone run the commands that its configuration names

    Reading a repository runs nothing from it; workplaces.setup, hooks.tests and
    landing.tests do.
    Trust is for this clone, and for what Guild's configuration says now: when that
    changes, it is asked for again. What a command itself runs, such as a script of
    the repository, is not looked at. The note lies in $XDG_STATE_HOME/guild/trust.
    """
    repository = open_repository(directory)
    tree = DiskTree(repository.top, ())
    source, configured = find_source(tree), read_configuration(repository.top, tree)
    if args.revoke:
        revoke(repository.common_dir, os.environ)
        print("This clone may run nothing any more.")
        return Exit.DONE
    if source is None or configured is None:
        print("Nothing is configured, so that there is nothing to trust.")
        return Exit.DONE
    for key, command in (
        ("workplaces.setup", configured.work.setup),
        ("hooks.tests", configured.hooks.tests),
        ("landing.tests", configured.landing.tests),
    ):
        if command:
            print(printable(f"{key}: {shlex.join(command)}"))
    if not args.show:
        trust(repository.common_dir, source, os.environ)
    is_so = is_trusted(repository.common_dir, source, os.environ)
    print(f"{source.file} is {'trusted' if is_so else 'not trusted'} in this clone.")
    return Exit.DONE if is_so else Exit.NO


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="only say what it would run")
    what.add_argument("--revoke", action="store_true", help="take all trust in this clone back")
