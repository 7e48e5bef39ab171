"""``guild commit``: what is staged, one commit for each scope."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from guild_plugins.delivery.chain import Committed
from guild_plugins.delivery.commit import Report, Wish, commit_scopes
from guild_plugins.delivery.message import Messages
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.report.text import printable

_AUTHOR: Final = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*")


def run(directory: Path, args: argparse.Namespace) -> int:
    """Commit what is staged, one commit for each scope, all of them or none

    The commits stand on each other, what others depend on first, and the branch
    moves once. Each gets the trailers Scope and, on a branch guild/TASK/SCOPE or
    with --task, Task. A share that a gate refuses (paths that are not the branch's
    scope's, or that somebody else has a lease on, or a commit whose tree breaks the rules
    between scopes: guild check) refuses all, and nothing changes; with --partial the
    others are committed, and it stays staged. What a later commit of the same chain
    mends is not held against an earlier one.

    Without -m, $EDITOR is opened for each scope. With --json: {"reference",
    "commits": [{"scope", "commit", "files": number, "subject"}], "refused":
    [[scope, [finding]]]}.
    """
    repository = open_repository(directory)
    report = commit_scopes(repository, _wish(args))
    if args.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _show(report)
    return Exit.NO if report.refused else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    text = parser.add_mutually_exclusive_group()
    text.add_argument("-m", "--message", action="append", help="for all scopes; a paragraph each")
    text.add_argument("-F", "--file", help="read the message from a file; - is standard input")
    parser.add_argument(
        "-M",
        dest="own",
        action="append",
        default=[],
        type=own_message,
        metavar="SCOPE=TEXT",
        help="one scope's message",
    )
    parser.add_argument("--task", help="the trailer Task, else from the branch")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-a", "--all", action="store_true", help="stage tracked files first")
    what.add_argument("--partial", action="store_true", help="commit the scopes that pass")
    parser.add_argument("--author", type=_author, default={}, metavar="'NAME <MAIL>'")
    parser.add_argument("--date", help="the author's date")
    parser.add_argument("-n", "--no-verify", action="store_true", help="leave out hooks and rules")
    parser.add_argument("-S", "--gpg-sign", nargs="?", const=True, metavar="KEY", help="sign")
    parser.add_argument("--no-gpg-sign", action="store_const", const=False, dest="gpg_sign")
    parser.add_argument("--json", action="store_true", help="print data")


def _wish(args: argparse.Namespace) -> Wish:
    common = "\n\n".join(args.message) if args.message else None
    if args.file is not None:
        content = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
        common = os.fsdecode(content)
    who: Mapping[str, str] = args.author
    return Wish(
        messages=Messages(common, dict(args.own), args.task),
        everything=args.all,
        partial=args.partial,
        verify=not args.no_verify,
        signing=args.gpg_sign,
        who={**who, **({"GIT_AUTHOR_DATE": args.date} if args.date else {})},
    )


def show_commits(commits: Iterable[Committed]) -> None:
    """Print commits, a line each."""
    for one in commits:
        files = "1 file" if one.files == 1 else f"{one.files} files"
        print(f"{one.commit[:10]}  {printable(f'{one.scope}  {files}  {one.subject}')}")


def _show(report: Report) -> None:
    show_commits(report.commits)
    for scope, findings in report.refused:
        for finding in findings:
            print(printable(f"not committed: {scope}: {finding}"), file=sys.stderr)


def own_message(text: str) -> tuple[str, str]:
    """Read ``SCOPE=TEXT``."""
    scope, is_there, message = text.partition("=")
    if not is_there:
        raise argparse.ArgumentTypeError(f"{text!r} is not SCOPE=TEXT")
    return scope, message


def _author(text: str) -> dict[str, str]:
    found = _AUTHOR.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not 'NAME <MAIL>'")
    return {"GIT_AUTHOR_NAME": found[1], "GIT_AUTHOR_EMAIL": found[2]}
