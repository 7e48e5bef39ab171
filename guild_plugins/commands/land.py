"""``guild land``: scope branches onto trunk."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path

from guild_plugins.commands.rules import rules_of
from guild_plugins.commands.times import duration
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.trust import NotTrusted, is_trusted
from guild_plugins.delivery.landing.branches import Branch, choose
from guild_plugins.delivery.landing.judging import Rules
from guild_plugins.delivery.landing.landing import Wish, land
from guild_plugins.delivery.landing.testing import Means, Suites, folder_for
from guild_plugins.delivery.operation import Operation
from guild_plugins.delivery.starting import place_folder
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.boundaries.gate import Others
from guild_plugins.report.landings import render_report
from guild_plugins.scopes.config import find_source, read_configuration
from guild_plugins.scopes.model import LandSettings, WorkSettings
from guild_plugins.scopes.tree import SnapshotTree
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places


def run(directory: Path, args: argparse.Namespace) -> int:
    """Land scope branches on trunk: merged, judged, tested, and moved at once

    Each branch guild/TASK/SCOPE is merged with trunk in memory and judged by the
    rules that trunk has; the tests that it can affect are run on the merged tree, in
    a work tree of their own. What passes becomes one commit for each branch, and
    trunk moves once. What does not is left as it was, and named with the reason and
    with the command that goes on. Branches are SCOPE or TASK/SCOPE; without a word,
    the one that is checked out. A clean work tree that has trunk checked out follows.

    With --json: {"outcomes": [{"task", "scope", "branch", "tip", "onto", "kind":
    "landed", "ready" (--dry-run), "nothing", "conflict", "gates", "tests", "lease",
    "proof", "dirty" or "moved", "commit": or null, "details": [text], "places":
    [{"path", "line", "reason", "trunk": [commit], "branch": [commit], "owners"}],
    "resume": command or null, "trials": [{"passed", "kept", "flaky", "note", "log",
    "seconds"}]}], "work_trees": [{"path", "trouble": or null}], "rounds": how often
    trunk was merged with}. Exit code 1 where a branch is left.
    """
    repository = open_repository(directory)
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    branches = choose(
        repository,
        places,
        names=args.branches,
        task=args.task,
        everything=args.all,
        onto=args.onto,
    )
    means = _means(repository, branches, args)
    work_settings = _settings(repository, branches)[1]
    rules = Rules(repository, rules_of(repository), _other_gates(repository))

    def make_tester(work: Operation, slot: int) -> Suites:
        folder = folder_for(place_folder(repository, work_settings), work.id, slot)
        logs = repository.common_dir / "guild" / "landing"
        return Suites(
            repository,
            folder,
            work.folder,
            logs,
            work.id,
            means,
            work_settings,
            work.pulse.handle,
            slot,
        )

    wish = Wish(tuple(branches), args.dry_run, _at_once(args, branches), means.command is None)
    report = land(repository, wish, rules, make_tester)
    if args.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print(render_report(report))
    return Exit.NO if any(one.is_left and one.kind != "ready" for one in report.outcomes) else 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("branches", nargs="*", metavar="BRANCH", help="SCOPE or TASK/SCOPE")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--task", metavar="TASK", help="of this task")
    which.add_argument("--all", action="store_true", help="every scope branch there is")
    parser.add_argument("--onto", metavar="BRANCH", help="trunk; else what each was begun from")
    parser.add_argument("--dry-run", action="store_true", help="only merge and judge")
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
        "--timeout", type=duration, default=3600.0, help="of one test of a tree (default: 1h)"
    )
    parser.add_argument("--json", action="store_true", help="print data")


def _means(repository: Repository, branches: list[Branch], args: argparse.Namespace) -> Means:
    """Return how trees are tested: as the user says, as trunk says if that is trusted, or pytest.

    :raises NotTrusted: Trunk names a command, and nobody has said that it may run.
    """
    workers = args.workers or ("0" if _at_once(args, branches) > 1 else "auto")
    if args.test_command:
        return Means(tuple(shlex.split(args.test_command)), workers, args.timeout)
    tests = _settings(repository, branches)[0].tests
    if tests and not args.dry_run:
        for onto in {branch.onto for branch in branches}:
            source = find_source(SnapshotTree(revision_tree(repository, onto)))
            if source is None or not is_trusted(repository.common_dir, source, os.environ):
                raise NotTrusted("landing.tests", tests)
    return Means(tests or None, workers, args.timeout)


def _at_once(args: argparse.Namespace, branches: list[Branch]) -> int:
    """Return how many trees are tested at once."""
    most = int(args.at_once) if args.at_once is not None else os.cpu_count() or 1
    return max(1, min(most, len(branches)))


def _settings(repository: Repository, branches: list[Branch]) -> tuple[LandSettings, WorkSettings]:
    """Return what trunk's configuration says."""
    for branch in branches[:1]:
        tree = SnapshotTree(revision_tree(repository, branch.onto))
        configured = read_configuration(repository.top, tree)
        if configured is not None:
            return configured.landing, configured.work
    return LandSettings(), WorkSettings()


def _other_gates(repository: Repository) -> Others | None:
    """Return the gates that other packages install; ``None`` where none can have any."""
    if not may_have_plugins(GROUP, trusted_places(repository.top)):
        return None
    from guild_plugins.plugins.gates import Gates

    return Gates(repository, os.environ)
