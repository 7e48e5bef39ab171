"""``guild merge``: two commits merged in memory."""

from __future__ import annotations

import argparse
from pathlib import Path

from guild_plugins.delivery.trees import Ask, merge_trees
from guild_plugins.errors import Exit
from guild_plugins.report.merges import as_data, render_merge


def run(directory: Path, args: argparse.Namespace) -> int:
    """Merge two commits in memory, and show what was done and why

    Nothing is checked out and no branch moves. With --json: {"tree", "clean",
    "files": [{"path", "clean", "reason", "proposed", "regions": [{"line",
    "rules": [name], "reason"}]}], "settled": [{"rule", "rate", "paths", "text",
    "removes", "writes"}], "conflicts": [{"kind", "paths", "text", "reason",
    "proposed": as in "settled" or null, "stages": [{"path", "stage", "mode",
    "blob"}]}]}. The exit code is 0 for a clean merge, 1 for one with conflicts and
    2 where there is nothing to merge.
    """
    without = frozenset(filter(None, args.without.split(",")))
    ask = _whom_to_ask(directory, args) if args.mergers or args.plugins else None
    done = merge_trees(directory, args.ours, args.theirs, without, ask)
    if args.html:
        from guild_plugins.report.merges_html import render_html

        (directory / args.html).write_text(render_html(done.files), encoding="utf-8")
    if args.json:
        import json

        print(json.dumps(as_data(done), indent=2))
    else:
        print(render_merge(done, explain=args.explain))
    return Exit.DONE if done.is_clean else Exit.NO


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--explain", action="store_true", help="show each place and the reason")
    parser.add_argument("--html", metavar="FILE", help="write the places side by side")
    parser.add_argument("--json", action="store_true", help="print data instead")
    parser.add_argument(
        "--without", default="", metavar="RULE,...", help="rules that are switched off"
    )
    parser.add_argument(
        "--mergers", action="store_true", help="ask the programs that git's configuration names"
    )
    parser.add_argument("--plugins", action="store_true", help="ask the plugins that are installed")
    parser.add_argument("ours", metavar="OURS")
    parser.add_argument("theirs", metavar="THEIRS")


def _whom_to_ask(directory: Path, args: argparse.Namespace) -> Ask:
    """Return what is asked before the rules, for files that git leaves in conflict."""
    from guild_plugins.commands.merge_plugins import ask as ask_plugins
    from guild_plugins.delivery.mergers import read_mergers, run_mergers
    from guild_plugins.git.repository import open_repository
    from guild_plugins.stages.faults import PluginFault

    top = open_repository(directory).top
    mergers = read_mergers(top) if args.mergers else []

    def ask(path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | str | None:
        made = run_mergers(path, base, ours, theirs, mergers)
        if made is not None or not args.plugins:
            return made
        try:
            return ask_plugins(path, base, ours, theirs, top)
        except PluginFault as error:
            return str(error)

    return ask
