"""``guild start``: a branch and a work tree for each scope of a task."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from guild_plugins.delivery.names import branch_for
from guild_plugins.delivery.starting import Order, Started, start
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.graph.boundaries.gate import UnknownScope
from guild_plugins.report.telling import tell
from guild_plugins.report.text import printable, printable_lines
from guild_plugins.scopes.model import ROOT, ScopeId
from guild_plugins.scopes.project import load_project


def run(directory: Path, args: argparse.Namespace) -> int:
    """Make a branch and a work tree for each scope of a task

    For each scope, or group, that is named (all of them without a name): the branch
    guild/TASK/SCOPE, from what is checked out here, and a work tree in a folder
    beside the repository, which git has locked. Files that workplaces.copy names are
    copied, workplaces.setup is run if it is trusted (guild trust), and env.sh has
    what makes the place one's own: a block of ports, caches, a temporary folder, and
    the name that leases are held under. Said again, what is there stays, and what was
    interrupted goes on.

    With --json: {"started": [{"task", "scope", "branch", "path", "env_file",
    "ports": [number], "new": whether it was made now, "trouble": text or null}]}.
    Exit code 1 says that a set-up did not do its work.
    """
    repository = open_repository(directory)
    scopes = _scopes(repository, args)
    order = Order(args.task, scopes, args.base, not args.worktree, args.setup)
    done = []
    for started in start(repository, order):
        done.append(started)
        if not args.json:
            _show(started)
    if args.json:
        print(json.dumps({"started": [_as_data(one) for one in done]}, indent=2))
    return Exit.NO if any(one.trouble for one in done) else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", metavar="TASK", help="its name, as a part of a branch's name")
    parser.add_argument("scopes", nargs="*", metavar="SCOPE", help="a scope or a group; else all")
    parser.add_argument("--base", metavar="REV", help="begin there, not at what is checked out")
    parser.add_argument(
        "--no-worktree",
        dest="worktree",
        action="store_false",
        help="for a small job: only the branch, checked out here; files stay as they are",
    )
    parser.add_argument(
        "--no-setup", dest="setup", action="store_false", help="leave out the set-up command"
    )
    parser.add_argument("--json", action="store_true", help="print data")


def _scopes(repository: Repository, args: argparse.Namespace) -> tuple[ScopeId, ...]:
    project = load_project(repository.top)
    if not args.scopes:
        return tuple(scope.id for scope in project.scopes) or (ROOT,)
    try:
        return project.select(args.scopes)
    except KeyError as error:
        raise UnknownScope(error.args[0]) from None


def _show(started: Started) -> None:
    one = started.place
    ports = f"  ports {started.ports[0]}-{started.ports[-1]}" if started.ports else ""
    word = "" if started.is_new else "  (was there)"
    tell(printable(f"{branch_for(one.task, one.scope)[11:]}  {one.path}{ports}{word}"))
    if started.trouble is not None:
        print(f"guild: {printable_lines(started.trouble.explain())}", file=sys.stderr)


def _as_data(started: Started) -> dict[str, object]:
    one = started.place
    return {
        "task": one.task,
        "scope": one.scope,
        "branch": one.branch,
        "path": one.path,
        "env_file": str(started.env_file),
        "ports": list(started.ports),
        "new": started.is_new,
        "trouble": str(started.trouble) if started.trouble else None,
    }
