"""``guild locks``: who holds what, and who waits."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from guild_plugins.commands.claiming import add_remote, open_leases, open_remote
from guild_plugins.commands.times import in_words
from guild_plugins.coordination.table import Facts, Lease, Request
from guild_plugins.errors import Exit
from guild_plugins.report.tables import render_table


def run(directory: Path, args: argparse.Namespace) -> int:
    """Show all leases of the repository, and who waits for them

    With --json: {"generation": of the newest lease, "leases": [{"id", "holder":
    {"id", "group", "name", "host", "boot", "pid", "started", "proof"}, "claims":
    [{"mode", "patterns", "scope", "spared"}], "generation", "granted", "ttl",
    "until"}], "waiting": [{"lease", "holder", "claims", "ttl", "number",
    "asked"}]}; points in time are {"wall": seconds since 1970, "ticks", "boot"}.
    """
    repository, leases = open_leases(directory)
    if args.remote:
        facts = open_remote(repository, args).facts()
    else:
        leases.tend()
        facts = leases.facts()
    if args.json:
        print(json.dumps(_as_data(facts), indent=2))
    elif facts.leases or facts.queue:
        rows = [*map(_held, facts.leases), *map(_waiting, facts.queue)]
        print(render_table(("lease", "on", "holder", "since", "until"), rows))
    else:
        print("There are no leases.")
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    add_remote(parser)


def _as_data(facts: Facts) -> dict[str, object]:
    return {
        "generation": facts.generation,
        "leases": [asdict(lease) for lease in facts.leases],
        "waiting": [asdict(request) for request in facts.queue],
    }


def _held(lease: Lease) -> tuple[str, ...]:
    left = f"in {in_words(lease.until.wall - time.time())}" if lease.until else ""
    process = f"process {lease.holder.pid} ends" if lease.holder.pid else ""
    until = " or ".join(filter(None, (left, process)))
    return (lease.id, _what(lease), lease.holder.name, _ago(lease.granted.wall), until)


def _waiting(request: Request) -> tuple[str, ...]:
    return (request.lease, _what(request), request.holder.name, _ago(request.asked.wall), "waits")


def _what(one: Lease | Request) -> str:
    return ", ".join(map(str, one.claims))


def _ago(moment: float) -> str:
    return f"{in_words(time.time() - moment)} ago"
