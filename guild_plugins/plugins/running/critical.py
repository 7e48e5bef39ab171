"""Critical sections: what a plan says only one scope may use, held as a lease.

In warm processes, for the coordinator: a lease lives as long as that does, so that what
a killed run held is free at once. Other runs and ``guild lock`` see it; the run's own
scopes are kept apart by the plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guild_plugins.coordination.asking import ClaimUnclear, claim_on_path
from guild_plugins.coordination.claims import desk_group
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.lease_errors import LeaseHeld, LeaseWaitBroken
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.who import asking_for_desk, at_desk
from guild_plugins.git.repository import open_repository


def hold(payload: bytes) -> bytes:
    """Take one lease on all that a scope uses alone; wait for it in the order of asking."""
    asked = json.loads(payload)
    top, leases = _open(asked)
    try:
        claims = [claim_on_path(top, top, name, "write") for name in asked["exclusive"]]
        held = leases.take(asking_for_desk(asked["name"]), claims, patience=asked["patience"])
    except (ClaimUnclear, LeaseHeld, LeaseWaitBroken) as error:
        return json.dumps({"trouble": error.explain()}).encode()
    leases.hand_over(held, at_desk(asked["name"], asked["pid"]), None)
    return b"{}"


def release(payload: bytes) -> bytes:
    """Give back all that a scope holds; nothing is no error."""
    asked = json.loads(payload)
    _, leases = _open(asked)
    group = desk_group(asked["name"])
    for lease in leases.facts().leases:
        if lease.holder.group == group:
            leases.give_back(lease.id)
    return b"{}"


def _open(asked: Mapping[str, Any]) -> tuple[Path, Leases]:
    repository = open_repository(Path(asked["top"]))
    return repository.top, Leases(Journal(place_in(repository.common_dir)))
