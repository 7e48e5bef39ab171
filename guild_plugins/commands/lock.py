"""``guild lock``: the right to change paths, for a command or for a while."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from guild_plugins.commands.claiming import add_claims, add_name, add_remote, claims_of, open_leases
from guild_plugins.commands.lock_remote import lock_remotely
from guild_plugins.commands.running import run_command
from guild_plugins.commands.times import duration, in_words
from guild_plugins.coordination import here
from guild_plugins.coordination.leases import Held, Leases
from guild_plugins.coordination.table import LeaseTable
from guild_plugins.coordination.who import (
    asking_for_desk,
    at_desk,
    for_command,
    name_here,
    passed_on,
)
from guild_plugins.errors import Exit, GuildError
from guild_plugins.report.text import printable

DESK_TIME: Final = 3600.0
"""Seconds that a lease without a command lasts, unless --ttl or --pid says otherwise."""


class NoSuchProcess(GuildError):
    """A lease cannot be bound to a process that is not there."""

    slug = "no-such-process"
    exit = Exit.USAGE

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid

    def __str__(self) -> str:
        return f"There is no process {self.pid}."


def run(directory: Path, args: argparse.Namespace) -> int:
    """Take leases on paths or scopes, all of them or none

    With a command after --, the lease lasts as long as the command and all that it
    started: a kernel lock that they inherit says so, and a holder that was killed is
    succeeded at once. Without one, the lease is held by a name (--as, $GUILD_HOLDER,
    or the user and the work tree) until --ttl is over, or --pid has ended, or
    guild unlock gives it back.

    With --remote, it is for all clones of a remote, and in a reference of that:
    there is no order of waiting, and a lease always ends after --ttl (an hour, or
    with a command a minute, which is renewed as long as the command runs).

    A path or pattern stands for all that lies in it. Others may read what you read.
    Exit code 4 says that somebody else was first; with a command, its own code
    otherwise.
    """
    if args.pid is not None and not here.start_time(args.pid):
        raise NoSuchProcess(args.pid)
    repository, leases = open_leases(directory)
    claims = claims_of(repository, directory, args)
    name = args.name or name_here(repository.top, os.environ)
    if args.remote:
        return lock_remotely(repository, args, claims, name)
    patience = args.timeout if args.wait or args.timeout else 0.0
    holder = asking_for_desk(name) if args.run is None else for_command(name, os.environ)
    held = leases.take(
        holder, claims, ttl=args.ttl if args.run is not None else None, patience=patience
    )
    if args.run is not None:
        return _hold_for(leases, held, args.run)
    ttl = args.ttl or (None if args.pid else DESK_TIME)
    lease = leases.hand_over(held, at_desk(name, args.pid), ttl)
    print(f"{lease.id}  {printable(', '.join(map(str, claims)))}  {_how_long(ttl, args.pid)}")
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    add_claims(parser)
    parser.add_argument("--read", action="store_true", help="only against those who write")
    parser.add_argument("--wait", action="store_true", help="wait, in the order of asking")
    parser.add_argument("--timeout", type=duration, metavar="TIME", help="wait for so long")
    parser.add_argument("--ttl", type=duration, metavar="TIME", help="the lease ends after it")
    parser.add_argument("--pid", type=int, help="without a command: hold as long as a process")
    add_name(parser)
    add_remote(parser)
    parser.usage = "guild lock [options] PATH... [-- COMMAND...]"


def _how_long(ttl: float | None, pid: int | None) -> str:
    parts = [f"for {in_words(ttl)}"] if ttl else []
    return ", ".join([*parts, *([f"as long as process {pid}"] if pid else [])])


def _hold_for(leases: Leases, held: Held, command: list[str]) -> int:
    """Run a command that inherits the kernel lock, and end the lease with it."""
    lease = held.lease
    environ = passed_on(os.environ, lease.holder, lease.id, lease.generation)
    try:
        code = run_command(command, environ, held.pulse.handle)
    finally:
        is_over = not LeaseTable(leases.facts()).is_valid(lease.id, lease.generation, here.now())
        if leases.end(held):
            print("guild: the command left a child, which keeps the lease", file=sys.stderr)
    if is_over:
        print("guild: the lease was over before the command ended", file=sys.stderr)
    return code or (Exit.CONTENDED if is_over else Exit.DONE)
