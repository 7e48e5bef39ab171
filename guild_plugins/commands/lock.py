"""``guild lock``: the right to change paths, for a command or for a while."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

from guild_plugins.commands.claiming import add_claims, add_name, claims_of, open_leases
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

NOT_FOUND: Final = 127
"""The exit code of shells for a command that is not there."""


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

    A path or pattern stands for all that lies in it. Others may read what you read.
    Exit code 4 says that somebody else was first; with a command, its own code
    otherwise.
    """
    if args.pid is not None and not here.start_time(args.pid):
        raise NoSuchProcess(args.pid)
    repository, leases = open_leases(directory)
    claims = claims_of(repository, directory, args)
    name = args.name or name_here(repository.top, os.environ)
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
    parser.usage = "guild lock [options] PATH... [-- COMMAND...]"


def _how_long(ttl: float | None, pid: int | None) -> str:
    parts = [f"for {in_words(ttl)}"] if ttl else []
    return ", ".join([*parts, *([f"as long as process {pid}"] if pid else [])])


def _hold_for(leases: Leases, held: Held, command: list[str]) -> int:
    """Run a command that inherits the kernel lock, and end the lease with it."""
    lease = held.lease
    environ = passed_on(os.environ, lease.holder, lease.id, lease.generation)
    try:
        code = _run(command, environ, held.pulse.handle)
    finally:
        is_over = not LeaseTable(leases.facts()).is_valid(lease.id, lease.generation, here.now())
        if leases.end(held):
            print("guild: the command left a child, which keeps the lease", file=sys.stderr)
    if is_over:
        print("guild: the lease was over before the command ended", file=sys.stderr)
    return code or (Exit.CONTENDED if is_over else Exit.DONE)


def _run(command: list[str], environ: dict[str, str], handle: int) -> int:
    """Run a command, pass on what tells us to end, and return its code as a shell would."""
    if not command:
        return Exit.DONE
    try:
        process = subprocess.Popen(command, env=environ, pass_fds=(handle,))
    except OSError as error:
        print(f"guild: {printable(command[0])}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    # The terminal tells the command of an interruption as well.
    reactions: dict[int, Callable[[int, FrameType | None], None] | signal.Handlers] = {
        signal.SIGINT: signal.SIG_IGN,
        signal.SIGTERM: pass_on,
        signal.SIGHUP: pass_on,
    }
    before = {number: signal.signal(number, action) for number, action in reactions.items()}
    try:
        code = process.wait()
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    return code if code >= 0 else 128 - code
