"""``guild hook``: what git's hooks call."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from guild_plugins.delivery.hook import OwnerOf, before_commit
from guild_plugins.errors import Exit
from guild_plugins.git.index import Index
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Judge what git is about to do, from within a hook

    pre-commit and pre-merge-commit: is anything staged that somebody else has a
    lease on, does this work under a lease that is over, and, on a branch
    guild/TASK/SCOPE, is all of it the scope's own? Exit code 1 is a no.
    """
    repository = open_repository(directory)
    findings = before_commit(repository, os.environ, Path.cwd(), _owners_in)
    for finding in findings:
        print(f"guild: {printable(finding)}", file=sys.stderr)
    if findings:
        print(f"guild: the {args.name} hook says no; guild locks shows all leases", file=sys.stderr)
    return Exit.NO if findings else Exit.DONE


def _owners_in(index: Index) -> OwnerOf:
    from guild_plugins.delivery.staged import staged_project

    return staged_project(index).owner_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("name", choices=["pre-commit", "pre-merge-commit"])
