"""Moving trunk over what was proven: compared once more, noted, and moved once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.landing.notes import note_for, write_note
from guild_plugins.delivery.landing.outcomes import Synchronised
from guild_plugins.delivery.landing.pins import pin
from guild_plugins.delivery.landing.settling import ended
from guild_plugins.delivery.landing.site import Link, Site
from guild_plugins.delivery.landing.syncing import synchronise
from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.landing.trunks import Mover, RemoteTrunk
from guild_plugins.delivery.operation import Move
from guild_plugins.errors import Exit, GuildError
from guild_plugins.stages.events import LandedBranch, LandingStarted, fresh_id


class NotProven(GuildError):
    """What was about to be published is not what was tested; trunk was not moved."""

    slug = "not-proven"
    exit = Exit.RECOVERY
    remedy = "Run guild land again; if it says so once more, keep the repository and report it."

    def __init__(self, commit: str, reason: str) -> None:
        super().__init__(commit, reason)
        self.commit, self.reason = commit, reason

    def __str__(self) -> str:
        return f"{self.commit[:10]} was not published: {self.reason}."


def publish(site: Site, trunk: str, chain: Sequence[Link]) -> list[Synchronised]:
    """Move trunk over a chain of commits, once, and bring along what follows it.

    :raises RefMoved: Trunk is elsewhere; nothing was changed.
    :raises NotProven: The chain is not what was tested.
    """
    new = chain[-1].commit
    check_chain(site.top, trunk, chain)
    synced = list[Synchronised]()
    subject = ", ".join(link.branch.name for link in chain)
    started = LandingStarted(
        id=fresh_id(),
        at=here.now().wall,
        operation=site.work.id,
        onto=site.trunk.ref,
        old=trunk,
        new=new,
        landed=tuple(
            LandedBranch(
                one.branch.task, one.branch.scope, one.branch.ref, one.branch.tip, one.commit
            )
            for one in chain
        ),
        generations=tuple(one.generation or 0 for one in chain),
    )
    move = Move("land", site.onto, trunk, new, f"guild land: {subject}")
    with turn(site.leases.place.folder / "landing.lock"):
        pin(site.top, site.work.id, new, (site.work.pulse.handle,))
        site.leases.journal.append(started)
        try:
            mover = Mover(site.leases, site.work, site.holder, site.shown)
            site.trunk.move(mover, move)
        except GuildError:
            site.leases.journal.append(ended(started, here.now().wall, moved=False))
            raise
        for tree in site.followers():
            synced.append(synchronise(tree, trunk, new, site.work.folder))
        for link in chain:
            merged = link.merged
            note = note_for(site.repository, merged.base, merged.tip, merged.head)
            write_note(site.top, link.commit, note)
        if isinstance(site.trunk, RemoteTrunk):
            site.trunk.share_notes()
        site.leases.journal.append(ended(started, here.now().wall, moved=True))
    return synced


def check_chain(top: Path, trunk: str, chain: Sequence[Link]) -> None:
    """See that what is about to be published is what was tested, commit by commit.

    :raises NotProven: It is not.
    """
    before = trunk
    found = list(landings_in(top, [f"{trunk}..{chain[-1].commit}"]))[::-1]
    if [one.commit for one in found] != [link.commit for link in chain]:
        raise NotProven(chain[-1].commit, "other commits came between those that were tested")
    for one, link in zip(found, chain, strict=True):
        if one.parents != (before,):
            raise NotProven(one.commit, "it does not stand on the commit that it was tested on")
        if not one.tree == one.tested == link.merged.tree:
            raise NotProven(one.commit, f"{link.merged.tree} was tested, and it has {one.tree}")
        before = one.commit
