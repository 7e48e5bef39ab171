"""``guild clashes``: what would go wrong between branches, before anybody commits."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from guild_plugins.delivery.clashes import Pair, find_clashes
from guild_plugins.delivery.kept_looks import KeptLooks
from guild_plugins.delivery.live import Live, find_live
from guild_plugins.delivery.watching import changes, find_notice
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.report.clashes import as_data, render_pair, render_pairs
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Find what would go wrong if the scope branches were merged now

    Each two are merged in memory, with what lies in their work trees: files that git
    cannot merge; names, parameters and modules that one changed and the other began to
    use; files that git merges into something broken. Exit code 1 where there is any.
    Nothing is checked out, no index and no reference is touched, and nothing of the
    repository is run. What is known of a pair is kept until one of the two changes.

    With --json: {"branches": [{"name", "tip", "commit", "path": or null, "flaw": text or
    null}], "pairs": [{"ours", "theirs", "clashes": [{"kind": "conflict", "name",
    "method", "call", "module", "unsound" or "unrelated", "path", "line", "module", "name",
    "by": 0 (ours), 1 (theirs) or null, "detail", "symbols": [name], "is_settled":
    what git does not merge and guild merge does}], "near": [{"path", "symbols"}]}]}.
    With --watch, that is one line for each change, and else what came and what went.
    """
    repository = open_repository(directory)
    kept = KeptLooks(repository.common_dir / "guild" / "clashes.json")
    lives = find_live(repository, args.revisions)
    pairs = find_clashes(repository, lives, kept)
    _show(lives, pairs, args)
    if args.watch:
        _watch(repository, kept, lives, pairs, args)
    return Exit.NO if any(pair.between.clashes for pair in pairs) else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument(
        "revisions", nargs="*", metavar="REV", help="these instead of the scope branches"
    )
    parser.add_argument("--near", action="store_true", help="show also what both edit unharmed")
    parser.add_argument("--watch", action="store_true", help="look again when something changes")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="with --watch: look so often instead"
    )
    parser.add_argument("--json", action="store_true", help="print data")


def _show(lives: Sequence[Live], pairs: Sequence[Pair], args: argparse.Namespace) -> None:
    for live in lives:
        if live.flaw is not None:
            text = f"{live.path} could not be read, so its last commit counts: {live.flaw}"
            print(f"guild: {printable(text)}", file=sys.stderr)
    if args.json:
        _print_json(lives, pairs, indent=None if args.watch else 2)
        return
    text = render_pairs(pairs, near=args.near)
    number = f"{len(lives)} branches" if len(lives) != 1 else "1 branch"
    print(text or f"Nothing clashes: {number}.", flush=True)


def _print_json(lives: Iterable[Live], pairs: Iterable[Pair], indent: int | None) -> None:
    branches = [
        {"name": e.name, "tip": e.tip, "commit": e.commit, "path": e.path, "flaw": e.flaw}
        for e in lives
    ]
    print(json.dumps({"branches": branches, "pairs": as_data(pairs)}, indent=indent), flush=True)


def _watch(
    repository: Repository,
    kept: KeptLooks,
    lives: list[Live],
    pairs: list[Pair],
    args: argparse.Namespace,
) -> None:
    """Look again and again, until interrupted."""
    notice = find_notice()
    if notice is None and args.every is None:
        print("guild: looking every 2 s; guild-plugins[watch] gives notice", file=sys.stderr)

    def folders() -> list[Path]:
        return sorted(Path(live.path) for live in lives if live.path is not None)

    for touched in changes(repository, folders, every=args.every, notice=notice):
        as_before = [
            live
            for live in lives
            if touched is not None and (live.path is None or Path(live.path) not in touched)
        ]
        lives = find_live(repository, args.revisions, known=as_before)
        before, pairs = pairs, find_clashes(repository, lives, kept)
        if pairs != before:
            if args.json:
                _print_json(lives, pairs, indent=None)
            else:
                _tell(before, pairs, near=args.near)


def _tell(before: Sequence[Pair], after: Sequence[Pair], *, near: bool) -> None:
    """Print what came, and what went."""
    shown = [[render_pair(pair, near=near) for pair in pairs] for pairs in (before, after)]
    for sign, texts, others in (("-", shown[0], shown[1]), ("+", shown[1], shown[0])):
        for text in texts:
            if text and text not in others:
                print("\n".join(f"{sign} {line}" for line in text.split("\n")), flush=True)
