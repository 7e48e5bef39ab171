"""``guild lock --remote``: for all clones of a remote."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from guild_plugins.commands.claiming import open_remote
from guild_plugins.commands.running import run_command
from guild_plugins.commands.times import in_words
from guild_plugins.coordination import here
from guild_plugins.coordination.liveness import Pulse, bury
from guild_plugins.coordination.place import Place, place_in, prepare
from guild_plugins.coordination.remote import RemoteLeases
from guild_plugins.coordination.remote_shown import passed_on_from
from guild_plugins.coordination.table import Lease, LeaseTable
from guild_plugins.coordination.who import asking_for_desk, at_desk, for_command
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.locks import gate
from guild_plugins.git.repository import Repository
from guild_plugins.report.text import printable
from guild_plugins.stages.leases import Claim, Holder

BEAT: Final = 60.0
"""Seconds that a command's lease lasts without a sign of life."""

DESK_TIME: Final = 3600.0


def lock_remotely(
    repository: Repository, args: argparse.Namespace, claims: Sequence[Claim], name: str
) -> int:
    """Take a lease in the remote's table, for a command or for a while."""
    leases, place = open_remote(repository, args), place_in(repository.common_dir)
    patience = args.timeout if args.timeout else None if args.wait else 0.0
    asking = asking_for_desk(name) if args.run is None else for_command(name, os.environ)
    with _pulse(place, asking) as (holder, pulse):
        ttl = args.ttl or (DESK_TIME if args.run is None else BEAT)
        lease = leases.take(holder, claims, ttl=ttl, patience=patience)
        if args.run is None:
            lease = leases.hand_over(lease, at_desk(name, args.pid), ttl)
            what = printable(", ".join(map(str, claims)))
            print(f"{lease.id}  {what}  for {in_words(ttl)} on {printable(args.remote_name)}")
            return Exit.DONE
        try:
            with _heartbeat(leases, lease, ttl, beats=args.ttl is None):
                environ = passed_on_from(os.environ, args.remote_name, lease)
                code = run_command(args.run, environ, pulse.handle)
        finally:
            table = LeaseTable(leases.facts())
            is_over = not table.is_valid(lease.id, lease.generation, here.now())
            leases.give_back(lease.id)
    if is_over:
        print("guild: the lease was over before the command ended", file=sys.stderr)
    return code or (Exit.CONTENDED if is_over else Exit.DONE)


@contextmanager
def _pulse(place: Place, holder: Holder) -> Iterator[tuple[Holder, Pulse]]:
    """Lock a file that other clones on this host find: its whole path is the holder's id."""
    prepare(place)
    file = str(place.holders.resolve() / holder.id)
    group = file if holder.group == holder.id else holder.group
    with gate(place.gate):
        pulse = Pulse(place, file)
    try:
        yield replace(holder, id=file, group=group), pulse
    finally:
        pulse.stop()
        bury(place, file)


@contextmanager
def _heartbeat(leases: RemoteLeases, lease: Lease, ttl: float, *, beats: bool) -> Iterator[None]:
    """Renew a lease three times in its time, until the command ends."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(ttl / 3):
            with suppress(GuildError):  # the next beat may get through; if none does, it ends
                leases.renew(lease.id)

    thread = threading.Thread(target=beat, daemon=True)
    if beats:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if beats:
            thread.join()
