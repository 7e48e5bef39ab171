"""``guild queue``: branches that wait to be landed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.branches import NothingToLand, choose
from guild_plugins.delivery.queue.waiting import Waiting, WaitingList
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.report.tables import render_table
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """List the branches that wait to be landed, and change the list

    guild land --queue lands them in this order, and --watch goes on with what is added.
    What lands leaves the list; what is left stays in it, and is tried again when its
    branch has moved, or when it is added once more. All work trees of the clone share it.

    With --json: {"paused": true or false, "waiting": [{"branch", "tip": or null,
    "refused": the kind, as guild land tells it, or null}]}.
    """
    repository = open_repository(directory)
    journal = Journal(place_in(repository.common_dir))
    waiting = WaitingList(journal)
    match args.action:
        case "add":
            waiting.add(_branches(repository, journal, args))
        case "remove":
            waiting.remove(*(one.branch for one in _known(waiting, args.branches)))
        case "order":
            names = _known(waiting, args.branches)
            for place, one in enumerate(names):
                waiting.order(one.branch, place)
        case "pause" | "resume":
            waiting.pause(paused=args.action == "pause")
    _show(waiting, as_json=args.json)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "add", "remove", "order", "pause", "resume"),
        help="order puts the branches that are named first",
    )
    parser.add_argument("branches", nargs="*", metavar="BRANCH", help="SCOPE or TASK/SCOPE")
    parser.add_argument("--task", metavar="TASK", help="add all of a task")
    parser.add_argument("--json", action="store_true", help="print data")


def _branches(repository: Repository, journal: Journal, args: argparse.Namespace) -> list[str]:
    places = Workplaces(journal).all()
    found = choose(repository, places, names=args.branches, task=args.task)
    return [branch.ref for branch in found]


def _known(waiting: WaitingList, names: list[str]) -> list[Waiting]:
    """Return the branches in the list that names stand for.

    :raises NothingToLand: One stands for none.
    """
    found = []
    for name in names:
        fitting = [one for one in waiting.all() if f"/{_short(one)}".endswith(f"/{name}")]
        if not fitting:
            raise NothingToLand(repr(name))
        found += fitting
    return found


def _show(waiting: WaitingList, *, as_json: bool) -> None:
    rows, is_paused = waiting.all(), waiting.is_paused
    if as_json:
        listed = [{"branch": r.branch, "tip": r.tip, "refused": r.refused} for r in rows]
        print(json.dumps({"paused": is_paused, "waiting": listed}, indent=2))
        return
    if rows:
        print(render_table(("branch", "state"), [(_short(one), _state(one)) for one in rows]))
    print("paused" if is_paused else printable(f"{len(rows)} in the queue"))


def _short(one: Waiting) -> str:
    return one.branch.removeprefix("refs/heads/guild/")


def _state(one: Waiting) -> str:
    if one.tip is None:
        return "gone"
    return f"left: {one.refused}" if one.refused else "waiting"
