"""``guild run``: one task in many scopes at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from guild_plugins.commands.times import duration
from guild_plugins.coordination.errors import GateBusy
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.runs import events_of, open_runs
from guild_plugins.coordination.turns import turn
from guild_plugins.engine.driver import proc
from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.pipeline.account import Account
from guild_plugins.engine.pipeline.core import WITHOUT_EFFECT, Pipeline
from guild_plugins.engine.pipeline.progress import State
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.plugins.running.course import course
from guild_plugins.plugins.running.driving import drive_kept, environment_of
from guild_plugins.plugins.running.ordering import RunUnclear, order, shop_for
from guild_plugins.plugins.running.planfile import plan_from_toml
from guild_plugins.plugins.running.reaching import hands_for
from guild_plugins.plugins.running.settings import LOCAL, Settings
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.report.live import default_teller
from guild_plugins.report.runs import render_summary
from guild_plugins.report.text import printable, printable_lines
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.models import MasterPlan
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places
from guild_plugins.stages.runs import RunEvent, RunResumed, RunStarted


class RunBusy(GuildError):
    """The run's coordinator is alive."""

    slug = "run-busy"
    exit = Exit.CONTENDED
    remedy = "Wait for it, or end it with Ctrl-C where it was started."

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = task

    def __str__(self) -> str:
        return f"Another process is at work on {self.task!r}."


def run(directory: Path, args: argparse.Namespace) -> int:
    """Do one task in many scopes at once, each in a work place of its own

    First all scopes are researched and the task is planned, as by guild plan; --plan
    FILE takes a plan that is there. Then, for each scope: a branch and a work tree (as
    by guild start), the command there, the gates over what it changed, the scope's
    tests, one commit; with --land, plugins bring it onto the target branch. Plugins can
    do any stage in another way (see guild plugins). In the command, {scope} is the
    scope, {paths} its paths, {brief} a file that says what to do; it is in GUILD_BRIEF
    as well. Where the gates or the tests object, the command is run again and the brief
    says what was wrong. A scope that fails stops no other.

    What has happened is kept: guild run --resume goes on after an interruption,
    whatever ended it. With --json: an event a line. Exit code 1 where a scope failed.
    """
    repository = open_repository(directory)
    place = place_in(repository.common_dir)
    prepare(place)
    journal = Journal(place)
    if args.resume:
        return _resume(repository, journal, args)
    started = _order(repository, args)
    if args.dry_run:
        return _list(repository, started)
    with _alone(journal, started):
        return _drive(repository, journal, started, None, args)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="what shall be done, in words")
    parser.add_argument("--scope", action="append", metavar="NAME", help="only there; repeatable")
    parser.add_argument("--resume", action="store_true", help="go on with the last open run")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="carry out what guild plan wrote")
    parser.add_argument(
        "--in-order",
        action="store_true",
        help="a scope waits for those that it needs, and begins with their work",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list what would be done")
    tests = parser.add_mutually_exclusive_group()
    tests.add_argument(
        "--tests",
        choices=("scope", "affected", "none"),
        default="scope",
        help="what proves a change: the scope's suite (default), or all tests that it can affect",
    )
    tests.add_argument("--no-tests", dest="tests", action="store_const", const="none")
    parser.add_argument("--land", dest="lands", action="store_true", help="and land what passed")
    parser.add_argument("--workers", type=int, metavar="N", help="at most as many at once")
    parser.add_argument(
        "--rounds", type=int, default=2, metavar="N", help="attempts of a scope (default: 2)"
    )
    parser.add_argument(
        "--timeout", type=duration, default=3600.0, help="of one command (default: 1h)"
    )
    parser.add_argument(
        "--memory", type=int, default=512, metavar="MB", help="of one command (default: 512)"
    )
    parser.add_argument(
        "--executor",
        default=LOCAL,
        metavar="NAME",
        help="who runs the commands: local (default), execnet, dask, or a plugin's",
    )
    parser.add_argument(
        "--address",
        metavar="WHERE",
        help="of the executor: execnet's specifications, dask's scheduler",
    )
    parser.add_argument("--json", action="store_true", help="print an event a line")


def _order(repository: Repository, args: argparse.Namespace) -> RunStarted:
    # What stands behind -- is in args.run, as for guild lock.
    has_plugins = may_have_plugins(GROUP, trusted_places(repository.top))
    if not args.task or not (args.run or has_plugins):
        raise RunUnclear("A task and a command are needed: guild run TASK -- COMMAND.")
    settings = Settings(
        timeout=args.timeout,
        memory=args.memory << 20,
        tests=args.tests,
        rounds=args.rounds,
        in_order=args.in_order,
        lands=args.lands,
        executor=args.executor,
        address=args.address,
        slots=args.workers or os.cpu_count() or 1,
        plan=_plan_in(args.plan, args.scope or ()) if args.plan is not None else None,
    )
    return order(
        repository,
        args.task,
        settings=settings,
        scopes=args.scope or (),
        command=args.run or (),
        workers=args.workers,
    )


def _plan_in(file: Path, scopes: Sequence[str]) -> MasterPlan:
    try:
        content = plan_from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RunUnclear(f"{file} cannot be read: {error}.") from None
    steps = tuple(step for step in content.step if not scopes or step.scope in scopes)
    return MasterPlan(summary=content.summary, steps=steps)


def _list(repository: Repository, started: RunStarted) -> int:
    """Print the units of a run; those that a plan would bring are those of any plan."""
    settings = json.loads(started.settings)
    ids = [unit.id for unit in started.units]
    if settings["plan"] is None:
        from guild_plugins.commands.reading import read

        shop = read(repository, started)
        assert shop.memory.plan is not None, "it was made"
        units = course(shop.memory.plan, shop.scopes, shop.memory.settings)
        ids += [unit.id for unit in units]
    for id in ids:
        print(printable(id))
    return Exit.DONE


def _resume(repository: Repository, journal: Journal, args: argparse.Namespace) -> int:
    runs = open_runs(journal)
    if not runs:
        raise RunUnclear("There is no run that did not end.")
    started = runs[-1]
    with _alone(journal, started):
        proc.end_marked(f"GUILD_RUN={started.run}")  # what a killed coordinator left behind
        has_plugins = may_have_plugins(GROUP, trusted_places(repository.top))
        untold = () if has_plugins else WITHOUT_EFFECT
        past = events_of(journal, started.run, without=untold)
        return _drive(repository, journal, started, past, args)


@contextmanager
def _alone(journal: Journal, started: RunStarted) -> Iterator[None]:
    """Be the only coordinator of a run: a second one would do its units twice."""
    folder = journal.place.folder / "runs" / started.run
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(turn(folder / "coordinator.lock", patience=0.0))
        except GateBusy:
            raise RunBusy(started.task) from None
        yield


def _drive(
    repository: Repository,
    journal: Journal,
    started: RunStarted,
    past: Iterator[RunEvent] | None,
    args: argparse.Namespace,
) -> int:
    folder = journal.place.folder / "runs" / started.run
    shop = shop_for(repository, started, folder, environment_of(started.run))
    account = Account()
    teller = default_teller(account, as_json=args.json)

    def watch(event: RunEvent, pipeline: Pipeline) -> None:
        account.note(event)
        teller.tell(event, pipeline)

    hands = hands_for(started, shop)
    resumed = RunResumed(id=fresh_id(), at=time.time(), run=started.run)
    first = resumed if past is not None else started
    try:
        driver, is_complete = drive_kept(shop, journal, watch, first, past or (), hands)
    finally:
        teller.close()
    if not args.json:
        _summarise(driver, shop, account)
    for fault in shop.faults:
        print(f"guild: {printable_lines(fault)}", file=sys.stderr)
    if not is_complete:
        print("guild: interrupted; guild run --resume goes on", file=sys.stderr)
        return Exit.INTERRUPTED
    states = [progress.state for progress in driver.pipeline.graph.units.values()]
    return Exit.DONE if all(state is State.PASSED for state in states) else Exit.NO


def _summarise(driver: Driver, shop: RunShop, account: Account) -> None:
    units = {id: progress.unit for id, progress in driver.pipeline.graph.units.items()}
    memory = shop.memory
    lines = render_summary(
        driver.pipeline,
        account.figures(units),
        driver.ticks,
        {id: str(shop.log(unit)) for id, unit in units.items()},
        [
            (s, oid, memory.changed.get(s, 0))
            for s, oid in memory.commits.items()
            if s in memory.new
        ],
    )
    print("\n".join(lines))
