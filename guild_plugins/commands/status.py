"""``guild status``: every task and scope that is worked on."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from guild_plugins.commands.times import in_words
from guild_plugins.delivery.survey import Row, survey
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.tables import render_table

HEAD = ("task", "scope", "state", "ahead", "behind", "dirty", "lease", "last event", "work tree")


def run(directory: Path, args: argparse.Namespace) -> int:
    """Show every task and scope: work tree, commits, changes, leases, last event

    With --json: {"workplaces": [{"task", "scope", "branch", "path": or null,
    "state": "ready", "made" (not set up), "begun", "stopping", "interrupted",
    "broken" or "branch" (not made by guild start), "onto": or null, "ahead",
    "behind": number or null, "dirty": [path, at most 200] or null, "leases":
    ["HOLDER: CLAIM"], "last": [event, seconds since 1970] or null, "env_file":
    or null, "flaw": text or null, "landed": commit or null; "ahead" is what was made
    since}]}. Reads, and runs nothing of the repository.
    """
    rows = survey(open_repository(directory))
    if args.task is not None:
        rows = [row for row in rows if row.task == args.task]
    if args.json:
        print(json.dumps({"workplaces": [asdict(row) for row in rows]}, indent=2))
    elif rows:
        print(render_table(HEAD, [_cells(row) for row in rows]))
    else:
        print("Nothing is worked on; guild start TASK SCOPE begins.")
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="only this one")
    parser.add_argument("--json", action="store_true", help="print data")


def _cells(row: Row) -> tuple[str, ...]:
    dirty = "?" if row.dirty is None else str(len(row.dirty))
    last = f"{row.last[0]} {in_words(time.time() - row.last[1])} ago" if row.last else "-"
    return (
        row.task,
        row.scope,
        _state(row),
        _number(row.ahead),
        _number(row.behind),
        dirty,
        "; ".join(row.leases) or "-",
        last,
        row.path or "-",
    )


def _state(row: Row) -> str:
    if row.flaw:
        return f"{row.state}: {row.flaw}"
    if row.landed is None:
        return row.state
    return f"{row.state}, went on" if row.ahead else f"{row.state}, landed"


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)
