"""``guild stop``: remove work places that are done."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from guild_plugins.delivery.stopping import Stopped, Wish, stop
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.telling import tell
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Remove the work places of a task: what is clean, merged and ours

    Merged means that merging it once more would add nothing to the branch that it
    was begun from; so a squashed or picked branch is merged as well. What is not is
    kept and named, exit code 1. With --backup, what is not merged or not committed is
    kept under refs/guild/backup instead, untracked files too, and the place removed.
    Files that git ignores go with it, unless they are copies that were changed.

    With --json: {"stopped": [{"task", "scope", "path", "branch", "kept": the reason
    or null, "backup": reference or null, "left": what could not be deleted or null}]}.
    """
    repository = open_repository(directory)
    wish = Wish(args.task, args.scopes, args.onto, args.backup, args.dry_run)
    done = []
    for stopped in stop(repository, wish):
        done.append(stopped)
        if not args.json:
            _show(stopped, dry_run=args.dry_run)
    if args.json:
        print(json.dumps({"stopped": [_as_data(one) for one in done]}, indent=2))
    return Exit.NO if any(one.kept or one.left for one in done) else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", metavar="TASK")
    parser.add_argument("scopes", nargs="*", metavar="SCOPE", help="else all of the task")
    parser.add_argument("--onto", metavar="REV", help="where the work has to be merged")
    parser.add_argument("--backup", action="store_true", help="keep the rest in a reference")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument("--json", action="store_true", help="print data")


def _show(stopped: Stopped, *, dry_run: bool) -> None:
    one = stopped.place
    if stopped.kept is not None:
        tell(printable(f"{one.name}  kept: {stopped.kept}  ({one.path})"))
        return
    word = "would be removed" if dry_run else "removed"
    backup = f"; what was in it is {stopped.backup}" if stopped.backup else ""
    tell(printable(f"{one.name}  {word}{backup}"))
    if stopped.left is not None:
        text = f"guild: not all of its files could be deleted; what is left is {stopped.left}"
        print(printable(text), file=sys.stderr)


def _as_data(stopped: Stopped) -> dict[str, object]:
    one = stopped.place
    return {
        "task": one.task,
        "scope": one.scope,
        "path": one.path,
        "branch": one.branch,
        "kept": stopped.kept,
        "backup": stopped.backup,
        "left": str(stopped.left) if stopped.left else None,
    }
