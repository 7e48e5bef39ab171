"""``guild split``: a commit that is there, one commit for each scope."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from guild_plugins.commands.commit import own_message, show_commits
from guild_plugins.delivery.rewriting import Request, SplitReport, split_commit
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Split a commit of this branch by scope, and put what stood on it on top

    The commits stand on each other, what others depend on first; each has the message,
    the author and the author's date of the commit, and the trailer Scope. Scopes are
    those of the commit's own configuration. What stood on it is written again with the
    same trees, and the branch moves once: all or nothing. Index and files stay as they
    are. A signed commit gives signed ones. The commit-msg hook is asked for each.

    Not split are merges, commits that a remote has (but with --force), what somebody
    else has a lease on, and what would break the rules between scopes on the way.
    guild undo takes it back.

    With --json: {"reference", "commit", "commits": [{"scope", "commit", "files": number,
    "subject"}], "replayed": number of commits on top, "elsewhere": [branch or tag that
    has the commit as it was]}.
    """
    request = Request(
        args.revision,
        own=dict(args.own),
        is_forced=args.force,
        verify=not args.no_verify,
        signing=args.gpg_sign,
    )
    report = split_commit(open_repository(directory), request)
    if args.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _show(report)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("revision", nargs="?", default="HEAD", metavar="REV", help="else HEAD")
    parser.add_argument(
        "-M",
        dest="own",
        action="append",
        default=[],
        type=own_message,
        metavar="SCOPE=TEXT",
        help="one scope's message",
    )
    parser.add_argument("--force", action="store_true", help="even where a remote has it")
    parser.add_argument("-n", "--no-verify", action="store_true", help="leave out hooks and rules")
    parser.add_argument("-S", "--gpg-sign", nargs="?", const=True, metavar="KEY", help="sign")
    parser.add_argument("--no-gpg-sign", action="store_const", const=False, dest="gpg_sign")
    parser.add_argument("--json", action="store_true", help="print data")


def _show(report: SplitReport) -> None:
    show_commits(report.commits)
    if report.replayed:
        number = "1 commit" if report.replayed == 1 else f"{report.replayed} commits"
        print(f"{number} on top, with the same trees")
    for name in report.elsewhere:
        text = f"{name} still has {report.commit[:10]} as it was"
        print(f"guild: {printable(text)}", file=sys.stderr)
