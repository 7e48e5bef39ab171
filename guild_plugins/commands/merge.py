"""``guild merge``: two commits merged in memory."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from guild_plugins.delivery.trees import merge_trees
from guild_plugins.errors import Exit
from guild_plugins.report.merges import as_data, render_html, render_merge


def run(directory: Path, args: argparse.Namespace) -> int:
    """Merge two commits in memory, and show what was done and why

    Nothing is checked out and no branch moves. With --json: {"tree", "clean",
    "files": [{"path", "clean", "reason", "proposed", "regions": [{"line",
    "rules": [name], "reason"}]}], "conflicts": [{"kind", "paths", "text"}]}.
    """
    done = merge_trees(directory, args.ours, args.theirs)
    if args.html:
        (directory / args.html).write_text(render_html(done.files), encoding="utf-8")
    if args.json:
        print(json.dumps(as_data(done), indent=2))
    else:
        print(render_merge(done, explain=args.explain))
    return Exit.DONE if done.is_clean else Exit.NO


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--explain", action="store_true", help="show each place and the reason")
    parser.add_argument("--html", metavar="FILE", help="write the places side by side")
    parser.add_argument("--json", action="store_true", help="print data instead")
    parser.add_argument("ours", metavar="OURS")
    parser.add_argument("theirs", metavar="THEIRS")
