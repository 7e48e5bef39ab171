"""Who works here: the name, and what is passed on to commands.

Three variables of the environment carry it. ``GUILD_HOLDER`` is the name, for
people and agents to choose; ``GUILD_GROUP`` and ``GUILD_LEASES`` are set for the
command that a lease is held for, so that what it starts counts as the same holder,
and shows which leases it works under.
"""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.claims import desk_group
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.leases import Holder


def name_here(top: Path, environ: Mapping[str, str]) -> str:
    """Return the name of who works in a work tree: the user and the tree, unless it is set."""
    return environ.get("GUILD_HOLDER") or f"{_user()}@{platform.node()}:{top}"


def for_command(name: str, environ: Mapping[str, str]) -> Holder:
    """Return a holder for as long as this process and its children live."""
    return _holder(fresh_id(), environ.get("GUILD_GROUP"), name)


def asking_for_desk(name: str) -> Holder:
    """Return a holder that asks for what the name will hold at its desk."""
    return _holder(fresh_id(), desk_group(name), name)


def at_desk(name: str, pid: int | None) -> Holder:
    """Return a name as a holder: until its time is over, or as long as a process lives."""
    group = desk_group(name)
    if pid is None:
        return Holder(group, group, name, here.host(), here.boot_id(), 0, 0, "time")
    started = here.start_time(pid)
    return Holder(
        f"{group}:{pid}:{started}",
        group,
        name,
        here.host(),
        here.boot_id(),
        pid,
        started,
        "process",
    )


def shown_leases(environ: Mapping[str, str]) -> list[tuple[str, int]]:
    """Return the leases, with their generations, that this process works under."""
    pairs = (text.rpartition(":") for text in environ.get("GUILD_LEASES", "").split())
    return [(lease, int(number)) for lease, _, number in pairs if number.isdigit()]


def passed_on(
    environ: Mapping[str, str], holder: Holder, lease: str, generation: int
) -> dict[str, str]:
    """Return the environment of a command that a lease is held for."""
    leases = f"{environ.get('GUILD_LEASES', '')} {lease}:{generation}".strip()
    return {
        **environ,
        "GUILD_HOLDER": holder.name,
        "GUILD_GROUP": holder.group,
        "GUILD_LEASES": leases,
    }


def _holder(name_of_lock: str, group: str | None, name: str) -> Holder:
    pid = os.getpid()
    return Holder(
        id=name_of_lock,
        group=group or name_of_lock,
        name=name,
        host=here.host(),
        boot=here.boot_id(),
        pid=pid,
        started=here.start_time(pid),
        proof="kernel",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
