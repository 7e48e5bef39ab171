"""``guild unlock``: give leases back."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from guild_plugins.commands.claiming import (
    add_claims,
    add_name,
    add_remote,
    claims_of,
    open_leases,
    open_remote,
)
from guild_plugins.coordination.claims import desk_group
from guild_plugins.coordination.lease_errors import NoSuchLease
from guild_plugins.coordination.table import Lease
from guild_plugins.coordination.who import name_here
from guild_plugins.errors import Exit
from guild_plugins.report.text import printable
from guild_plugins.stages.leases import Claim


def run(directory: Path, args: argparse.Namespace) -> int:
    """Give back the leases that a name holds on paths or scopes

    A lease that was taken on several paths at once is given back as a whole.
    --force LEASE takes a lease, by its id, from whoever has it; the journal says
    who did.
    """
    repository, leases = open_leases(directory)
    name = args.name or name_here(repository.top, os.environ)
    table = open_remote(repository, args) if args.remote else leases
    facts = table.facts()
    if args.force:
        chosen = [lease for lease in facts.leases if lease.id == args.force]
    else:
        lost = (overtaken.lease for overtaken in facts.lost)
        mine = [x for x in (*facts.leases, *lost) if x.holder.group == desk_group(name)]
        chosen = mine if args.all else _on(mine, claims_of(repository, directory, args))
    if not chosen and not args.all:
        raise NoSuchLease(args.force or ", ".join((*args.paths, *args.scope)))
    for lease in chosen:
        table.give_back(lease.id, by=name if args.force else None)
        print(printable(f"{lease.id}  {', '.join(map(str, lease.claims))}  given back"))
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    add_claims(parser)
    parser.add_argument("--all", action="store_true", help="all leases of the name")
    parser.add_argument("--force", metavar="LEASE", help="take a lease from its holder")
    add_name(parser)
    add_remote(parser)


def _on(leases: Sequence[Lease], claims: Sequence[Claim]) -> list[Lease]:
    wanted = {(claim.scope, claim.patterns) for claim in claims}
    return [
        lease
        for lease in leases
        if wanted & {(claim.scope, claim.patterns) for claim in lease.claims}
    ]
