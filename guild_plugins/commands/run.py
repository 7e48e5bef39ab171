"""``guild run``: one command in many scopes at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from guild_plugins.commands.times import duration
from guild_plugins.coordination.errors import GateBusy
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.runs import events_of, open_runs
from guild_plugins.coordination.turns import turn
from guild_plugins.engine.driver import proc
from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import Caps
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.progress import State
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import user_environment
from guild_plugins.git.refs import read_ref
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.graph.boundaries.gate import UnknownScope
from guild_plugins.plugins.running.course import course
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.report.text import printable
from guild_plugins.scopes.model import ScopeId
from guild_plugins.scopes.project import load_project
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import (
    Limits,
    RunEvent,
    RunResumed,
    RunStarted,
    UnitFailed,
    UnitFinished,
)

CORES: Final = 0.8
"""The part of the machine's cores that a run may keep busy."""


class RunUnclear(GuildError):
    """It is not clear what is to be run."""

    slug = "run-unclear"
    exit = Exit.USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


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
    """Run a command in many scopes at once, each in a work place of its own

    For each scope: a branch and a work tree (as by guild start), the command there,
    the gate over what it changed, the scope's tests, one commit. In the command,
    {scope} is the scope, {paths} its paths, {brief} a file that says what to do; it
    is in GUILD_BRIEF as well. Where the gate or the tests object, the command is run
    again and the brief says what was wrong. A scope that fails stops no other.

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
        for unit in started.units:
            print(printable(unit.id))
        return Exit.DONE
    with _alone(journal, started):
        return _drive(repository, journal, started, [], args)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", nargs="?", metavar="TASK", help="what shall be done, in words")
    parser.add_argument("--scope", action="append", metavar="NAME", help="only there; repeatable")
    parser.add_argument("--resume", action="store_true", help="go on with the last open run")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be done")
    parser.add_argument("--no-tests", dest="tests", action="store_false", help="run no tests")
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
    parser.add_argument("--json", action="store_true", help="print an event a line")


def _order(repository: Repository, args: argparse.Namespace) -> RunStarted:
    # What stands behind -- is in args.run, as for guild lock.
    if not args.task or not args.run:
        raise RunUnclear("A task and a command are needed: guild run TASK -- COMMAND.")
    scopes = _scopes(repository, args.scope)
    base = read_ref(repository.top, "HEAD")
    if base is None:
        raise RunUnclear("There is no commit yet.")
    id = fresh_id()
    word = re.sub(r"[^a-z0-9]+", "-", args.task.lower()).strip("-")[:40] or "run"
    most = args.workers or max(2, 2 * len(scopes))
    return RunStarted(
        id=fresh_id(),
        at=time.time(),
        run=id,
        task=args.task,
        name=f"{word}-{id[:6]}",
        base=base,
        command=tuple(args.run),
        limits=Limits(
            least=min(len(scopes), most), most=most, cores=max(1.0, CORES * (os.cpu_count() or 1))
        ),
        units=course(scopes, rounds=args.rounds, tests=args.tests),
        settings=json.dumps({"timeout": args.timeout, "memory": args.memory}),
    )


def _scopes(repository: Repository, names: list[str] | None) -> tuple[ScopeId, ...]:
    project = load_project(repository.top)
    if not names:
        return tuple(scope.id for scope in project.scopes)
    try:
        return project.select(names)
    except KeyError as error:
        raise UnknownScope(error.args[0]) from None


def _resume(repository: Repository, journal: Journal, args: argparse.Namespace) -> int:
    runs = open_runs(journal)
    if not runs:
        raise RunUnclear("There is no run that did not end.")
    started = runs[-1]
    with _alone(journal, started):
        proc.end_marked(f"GUILD_RUN={started.run}")  # what a killed coordinator left behind
        return _drive(repository, journal, started, events_of(journal, started.run), args)


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
    past: list[RunEvent],
    args: argparse.Namespace,
) -> int:
    settings = json.loads(started.settings)
    project = load_project(repository.top)
    environ = {**user_environment(os.environ), "GUILD_RUN": started.run}
    shop = RunShop(
        top=repository.top,
        folder=journal.place.folder / "runs" / started.run,
        paths={scope.id: scope.paths for scope in project.scopes},
        environ=environ,
        caps=Caps(seconds=settings["timeout"], memory=settings["memory"] << 20),
    )
    driver = Driver(
        started.run, shop, journal, lambda: LocalHands(environ), _Teller(as_json=args.json)
    )
    driver.recall(past)
    first = RunResumed(id=fresh_id(), at=time.time(), run=started.run) if past else started
    begin = time.monotonic()
    is_complete = asyncio.run(_to_end(driver, first))
    _summarise(driver, shop, time.monotonic() - begin, as_json=args.json)
    if not is_complete:
        print("guild: interrupted; guild run --resume goes on", file=sys.stderr)
        return Exit.INTERRUPTED
    states = [progress.state for progress in driver.pipeline.graph.units.values()]
    return Exit.DONE if all(state is State.PASSED for state in states) else Exit.NO


async def _to_end(driver: Driver, first: RunEvent) -> bool:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, driver.cancel, f"signal {number.name}")
    return (await driver.drive(first)).is_complete


class _Teller:
    """Prints what happens, a line each."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, event: RunEvent, _: Pipeline) -> None:
        if self._as_json:
            from guild_plugins.stages.codec import encode

            print(encode(event).replace("{", f'{{"type":"{type(event).__name__}",', 1), flush=True)
        elif isinstance(event, UnitFinished):
            print(printable(f"done    {event.unit}"), flush=True)
        elif isinstance(event, UnitFailed):
            print(printable(f"failed  {event.unit}: {event.reason.splitlines()[0]}"), flush=True)


def _summarise(driver: Driver, shop: RunShop, took: float, *, as_json: bool) -> None:
    if as_json:
        return
    print()
    for progress in driver.pipeline.graph.units.values():
        if progress.state is State.FAILED:
            print(printable(f"{progress.unit.id} failed; its log is {shop.log(progress.unit)}"))
    for scope, commit in shop.commits.items():
        print(printable(f"{commit[:10]}  {scope}"))
    share = driver.ticks / took if took else 0.0
    print(f"\n{len(shop.commits)} scopes in {took:.1f} s; coordination {share:.1%} of it")
