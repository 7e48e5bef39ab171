"""``guild cache``: what is kept of test files' results."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable
from guild_plugins.suites.kept.store import LIMIT, Statistics, Store

MEGABYTE = 1024 * 1024


def run(directory: Path, args: argparse.Namespace) -> int:
    """Look at the kept results of tests, or drop them

    They are those of pytest --guild-scopes --guild-cache, for all work trees of the
    repository. "stats" says what there is, and why files of the last runs are not
    kept; "prune" drops what was not used for longest, "clear" drops all.

    With --json, stats: {"version": 1, "verdicts": {"passed", "failed", "flaky":
    number}, "files", "size": bytes, "oldest": seconds since 1970 or null,
    "refused": {reason: files}, "flaky": [path]}.
    """
    store = Store(open_repository(directory).common_dir / "guild")
    try:
        if args.action == "clear":
            print(f"{store.clear()} results dropped")
        elif args.action == "prune":
            print(f"{store.prune(int(args.max_mb * MEGABYTE))} results dropped")
        else:
            _show(store.statistics(), as_json=args.json)
    finally:
        store.close()
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument(
        "action", choices=("stats", "clear", "prune"), nargs="?", default="stats", help="what to do"
    )
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument(
        "--max-mb",
        type=float,
        default=LIMIT / MEGABYTE,
        metavar="MB",
        help=f"with prune, what may stay (default: {LIMIT // MEGABYTE})",
    )


def _show(found: Statistics, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"version": 1, **asdict(found)}, indent=2))
        return
    count = found.verdicts.get("passed", 0)
    print(f"{count} results of {found.files} files, {found.size / MEGABYTE:.1f} MB")
    if found.oldest is not None:
        print(f"the oldest of {datetime.fromtimestamp(found.oldest):%Y-%m-%d %H:%M}")
    for reason, files in sorted(found.refused.items(), key=lambda item: -item[1]):
        print(f"not kept: {files} ({printable(reason)})")
    for path in found.flaky:
        print(f"flaky: {printable(path)}")
