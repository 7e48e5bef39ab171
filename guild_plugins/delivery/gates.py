"""Gates: what must hold for one scope's share of a commit.

A gate is asked once for each share, with the share alone, and answers with what is
wrong; nothing is fine. It reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from guild_plugins.coordination.asking import exact_pattern
from guild_plugins.coordination.claims import any_conflict, are_together
from guild_plugins.coordination.table import Facts
from guild_plugins.delivery.names import scope_of_branch
from guild_plugins.delivery.split import Part
from guild_plugins.delivery.strangers import strangers
from guild_plugins.stages.leases import Claim, Holder


@dataclass(frozen=True, slots=True)
class Setting:
    """In what a commit is to be made.

    :param branch: The full name of the branch; ``None`` for a detached head.
    :param leases: The leases there are.
    """

    branch: str | None
    holder: Holder
    leases: Facts


Gate = Callable[[Part, Setting], Sequence[str]]


def own_branch(part: Part, setting: Setting) -> Sequence[str]:
    """Let only a scope's own changes onto its branch."""
    scope = scope_of_branch(setting.branch)
    if scope is None or scope == part.scope:
        return ()
    return strangers(part.scope, scope, [change.path for change in part.changes])


def nobody_elses_lease(part: Part, setting: Setting) -> Sequence[str]:
    """Let nobody commit what somebody else has a lease on."""
    return in_the_way(claims_of(part), setting)


def in_the_way(claims: Sequence[Claim], setting: Setting) -> Sequence[str]:
    """Say whose leases conflict with claims."""
    return [
        f"{lease.holder.name} has a lease on {', '.join(map(str, lease.claims))}"
        for lease in setting.leases.leases
        if not are_together(lease.holder, setting.holder) and any_conflict(lease.claims, claims)
    ]


def claims_of(part: Part) -> tuple[Claim, ...]:
    """Return the right that committing a share needs."""
    return claims_on(change.path for change in part.changes)


def claims_on(paths: Iterable[str]) -> tuple[Claim, ...]:
    """Return the right that changing paths needs."""
    return tuple(Claim("write", (exact_pattern(path),)) for path in paths)


GATES: Final[tuple[Gate, ...]] = (own_branch, nobody_elses_lease)
