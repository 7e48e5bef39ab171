"""The arguments that name what a lease is on, shared by the commands about leases."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from guild_plugins.coordination.asking import ClaimUnclear, claim_on_path
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.remote import REFERENCE, RemoteLeases
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.git.shared import Shared
from guild_plugins.stages.leases import Claim, Mode


def add_claims(parser: argparse.ArgumentParser) -> None:
    """Add the paths and scopes."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a path, or a pattern")
    parser.add_argument("--scope", action="append", default=[], help="all of a scope; repeatable")


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add the name that is worked under."""
    parser.add_argument("--as", dest="name", help="the holder's name, else $GUILD_HOLDER")


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Add where the leases of several clones are."""
    parser.add_argument("--remote", action="store_true", help="for all clones of the remote")
    parser.add_argument("--remote-name", default="origin", metavar="NAME", help="else origin")


def open_remote(repository: Repository, args: argparse.Namespace) -> RemoteLeases:
    """Return the leases of all clones of a remote."""
    place = place_in(repository.common_dir)
    return RemoteLeases(place, Shared(repository.top, args.remote_name, REFERENCE))


def claims_of(repository: Repository, directory: Path, args: argparse.Namespace) -> list[Claim]:
    """Return what is asked for.

    :raises ClaimUnclear: It is nothing, or something cannot be claimed.
    """
    mode: Mode = "read" if getattr(args, "read", False) else "write"
    start = Path(os.path.abspath(directory))  # noqa: PTH100 - links are resolved later, with care
    claims = [claim_on_path(repository.top, start, path, mode) for path in args.paths]
    if args.scope:
        # Reading the project costs more than all the rest, and paths do not need it.
        from guild_plugins.coordination.asking_scopes import claim_on_scope
        from guild_plugins.scopes.project import load_project

        project = load_project(repository.top)
        claims += [claim_on_scope(project, scope, mode) for scope in args.scope]
    if not claims:
        raise ClaimUnclear("nothing", "names no path and no --scope")
    return claims


def open_leases(directory: Path) -> tuple[Repository, Leases]:
    """Return the repository, and its leases."""
    repository = open_repository(directory)
    return repository, Leases(Journal(place_in(repository.common_dir)))
