"""``guild events``: what happened, from the journal."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from guild_plugins.commands.times import UNITS, TimeUnclear, seconds
from guild_plugins.coordination.journal import Journal, Line
from guild_plugins.coordination.place import place_in
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable

PAUSE: Final = 0.2
"""Seconds between two looks with ``--follow``."""

UNTOLD: Final = ("id", "at", "cause", "scope", "now")


def run(directory: Path, args: argparse.Namespace) -> int:
    """Show what happened in this repository, in all its worktrees

    With --json, one object a line: {"seq": number, "id", "at": seconds since
    1970, "type", "scope" or null, "cause": id or null, "data": the event's
    fields}. --check reads every checksum.
    """
    journal = Journal(place_in(open_repository(directory).common_dir))
    if args.check:
        print(f"All is well: {journal.check()} events.")
        return Exit.DONE
    after, since = _start(args.since)
    for line in _lines(journal, args, after):
        if line.at >= since:
            print(_as_json(line) if args.json else _as_text(line), flush=args.follow)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--follow", action="store_true", help="go on as more happens")
    parser.add_argument("--since", metavar="TIME", help="30m, 2h, 1d ago, a date, or a number")
    parser.add_argument("--type", action="append", default=[], help="only these kinds")
    parser.add_argument("--scope", help="only about this scope")
    parser.add_argument("--json", action="store_true", help="print data, one object a line")
    parser.add_argument("--check", action="store_true", help="read every checksum instead")


def _lines(journal: Journal, args: argparse.Namespace, after: int) -> Iterator[Line]:
    while True:
        for line in journal.lines(after=after, types=args.type, scope=args.scope):
            after = line.seq
            yield line
        if not args.follow:
            return
        time.sleep(PAUSE)


def _start(text: str | None) -> tuple[int, float]:
    """Return the number of the last event, and the time, before which nothing is shown."""
    if text is None:
        return 0, 0.0
    try:
        if text.isdigit():
            return int(text), 0.0
        if text[-1:] in UNITS:
            return 0, time.time() - seconds(text)
        return 0, datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise TimeUnclear(text) from None


def _as_json(line: Line) -> str:
    head = {"seq": line.seq, "id": line.id, "at": line.at, "type": line.type}
    about = {"scope": line.scope, "cause": line.cause, "data": json.loads(line.data)}
    return json.dumps({**head, **about})


def _as_text(line: Line) -> str:
    when = datetime.fromtimestamp(line.at, UTC).astimezone().isoformat(" ", "seconds")
    told = {k: v for k, v in json.loads(line.data).items() if k not in UNTOLD and v is not None}
    scope = f"{line.scope}: " if line.scope else ""
    words = (f"{key}={_short(value)}" for key, value in told.items())
    return printable(f"{line.seq:6}  {when}  {line.type}  {scope}{' '.join(words)}")


def _short(value: object) -> str:
    """Return what a line has room for: a holder is its name, a claim its patterns."""
    match value:
        case {"name": name}:
            return str(name)
        case {"patterns": patterns, "mode": mode, "scope": scope}:
            return f"{scope or ','.join(patterns)}:{mode}"
        case list():
            return ",".join(map(_short, value))
    return str(value)
