"""``guild land``: scope branches onto trunk."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

from guild_plugins.commands.times import duration
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.branches import Branch, choose
from guild_plugins.delivery.landing.handing import AsBranches, AsPatches
from guild_plugins.delivery.landing.mending import Mender
from guild_plugins.delivery.landing.outcomes import Report
from guild_plugins.delivery.queue.waiting import WaitingList
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.plugins.landing import BATCH, Manner, land_branches, trunk_of
from guild_plugins.report.landings import render_report

PAUSE: Final = 2.0
"""Seconds between two looks at the queue."""


def run(directory: Path, args: argparse.Namespace) -> int:
    """Land scope branches on trunk: merged, judged, tested, and moved at once

    Each branch guild/TASK/SCOPE is merged with trunk in memory and judged by the
    rules that trunk has; the tests that it can affect are run on the merged tree, in
    a work tree of their own. What passes becomes one commit for each branch, and
    trunk moves once. What does not is left as it was, and named with the reason and
    with the command that goes on. Branches are SCOPE or TASK/SCOPE; without a word,
    the one that is checked out. A clean work tree that has trunk checked out follows.

    With --json: {"outcomes": [{"task", "scope", "branch", "tip", "onto", "kind":
    "landed", "handed" (--as-branches, --as-patches), "ready" (--dry-run), "nothing",
    "conflict", "gates", "tests", "lease", "proof", "dirty" or "moved", "commit": or
    null, "details": [text], "places": [{"path", "line", "reason", "trunk": [commit],
    "branch": [commit], "owners"}],
    "resume": command or null, "trials": [{"passed", "kept", "flaky", "note", "log",
    "seconds", "failed": [scope]}]}], "work_trees": [{"path", "trouble": or null}],
    "rounds": how often trunk was merged with}. Exit code 1 where a branch is left.
    """
    repository = open_repository(directory)
    if args.queue:
        return _land_queue(repository, args)
    report = land_branches(repository, _chosen(repository, args), _manner(args))
    return _told(_mended(repository, report, args), args)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("branches", nargs="*", metavar="BRANCH", help="SCOPE or TASK/SCOPE")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--task", metavar="TASK", help="of this task")
    which.add_argument("--queue", action="store_true", help="what guild queue lists, in its order")
    which.add_argument("--all", action="store_true", help="every scope branch there is")
    parser.add_argument("--onto", metavar="BRANCH", help="trunk; else what each was begun from")
    parser.add_argument(
        "--push",
        nargs="?",
        const="origin",
        metavar="REMOTE",
        help="trunk is the branch of a remote (default: origin), and is moved by a push",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only merge and judge")
    how.add_argument(
        "--as-branches",
        action="store_true",
        help="move no trunk: make branches landing/TASK/SCOPE of what passes, with --push there",
    )
    how.add_argument(
        "--as-patches",
        metavar="FOLDER",
        type=Path,
        help="move no trunk: write what passes as patches for git am",
    )
    parser.add_argument(
        "--test-command",
        metavar="COMMAND",
        help="what proves a tree, run in it; {base} is a commit that is proven (default: pytest)",
    )
    parser.add_argument(
        "-n", dest="workers", metavar="N", help="of each pytest (default: 0, auto for one tree)"
    )
    parser.add_argument(
        "--at-once", type=int, metavar="N", help="trees that are tested at once (default: cores)"
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=BATCH,
        metavar="N",
        help=f"branches that cannot break each other are tested as one (default: {BATCH})",
    )
    parser.add_argument(
        "--timeout", type=duration, default=3600.0, help="of one test of a tree (default: 1h)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="with --queue: go on, and land what is added"
    )
    parser.add_argument(
        "--mend",
        metavar="COMMAND",
        help="run in the work place of what is left ({task}, {scope}, {kind}, {trunk}, {report}); "
        "what it commits is landed",
    )
    parser.add_argument(
        "--mend-times", type=int, default=1, metavar="N", help="how often at most (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print data")


def _chosen(repository: Repository, args: argparse.Namespace) -> list[Branch]:
    return choose(
        repository,
        Workplaces(Journal(place_in(repository.common_dir))).all(),
        names=args.branches,
        task=args.task,
        everything=args.all,
        onto=args.onto or trunk_of(repository),
        is_remote=args.push is not None,
    )


def _manner(args: argparse.Namespace) -> Manner:
    command = tuple(shlex.split(args.test_command)) if args.test_command else None
    return Manner(
        command,
        args.workers,
        args.at_once,
        args.timeout,
        args.dry_run,
        args.push,
        args.queue,
        max(1, args.batch),
        _hand_over(args),
    )


def _hand_over(args: argparse.Namespace) -> AsBranches | AsPatches | None:
    if args.as_patches is not None:
        return AsPatches(args.as_patches.absolute())
    return AsBranches() if args.as_branches else None


def _mended(repository: Repository, report: Report, args: argparse.Namespace) -> Report:
    """Let a worker mend what is left, and land what it changed; return the last of each."""
    if args.mend is None or args.dry_run:
        return report
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    found = {one.branch: Path(one.path) for one in places}
    mender = Mender(repository, shlex.split(args.mend), found, args.timeout)
    for _ in range(args.mend_times):
        moved = [one.branch for one in mender.mend(report.outcomes)]
        chosen = [branch for branch in _chosen(repository, args) if branch.ref in moved]
        if not chosen:
            break
        report = report.followed_by(land_branches(repository, chosen, _manner(args)))
    return report


def _land_queue(repository: Repository, args: argparse.Namespace) -> int:
    """Land what waits in the queue; what landed leaves it, what is left stays until it moves."""
    waiting_list = WaitingList(Journal(place_in(repository.common_dir)))
    code = int(Exit.DONE)
    while True:
        ready = [one.branch.removeprefix("refs/heads/guild/") for one in waiting_list.ready()]
        if ready:
            args.branches = ready
            found = {branch.name: branch for branch in _chosen(repository, args)}
            chosen = [found[name] for name in ready if name in found]
            report = _mended(repository, land_branches(repository, chosen, _manner(args)), args)
            if not args.dry_run:
                done = [one.branch for one in report.outcomes if not one.is_left]
                waiting_list.remove(*done)
            code = _told(report, args)
        elif not args.watch:
            print("The queue is paused." if waiting_list.is_paused else "Nothing waits.")
        if not args.watch:
            return code
        time.sleep(PAUSE)


def _told(report: Report, args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(asdict(report), indent=2), flush=True)
    else:
        print(render_report(report), flush=True)
    is_left = any(one.is_left and one.kind != "ready" for one in report.outcomes)
    return Exit.NO if is_left else Exit.DONE
