"""Landing branches: a chain of commits, each merged, judged and tested, and one move of trunk.

Each branch is merged in memory with what trunk will be then, judged by the rules of that,
written as one commit, and that very commit is tested. What fails is left out, and stays
as it was. The chain of the rest is noted, and trunk moves once, by compare-and-swap. If
trunk went on meanwhile, all is merged again; a tree that was proven stays proven, and of
one that is new only what differs from the proven one is tested.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.landing.branches import Branch, TrunkUnclear, in_order
from guild_plugins.delivery.landing.joining import Joiner
from guild_plugins.delivery.landing.judging import Rules
from guild_plugins.delivery.landing.outcomes import Kind, Outcome, Report, Synchronised
from guild_plugins.delivery.landing.pins import unpin
from guild_plugins.delivery.landing.proving import MakeTester, Prover, Testers
from guild_plugins.delivery.landing.publishing import check_chain, publish
from guild_plugins.delivery.landing.settling import settle_landings
from guild_plugins.delivery.landing.site import Link, Refused, Site, Wish
from guild_plugins.delivery.operation import operation
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.git.refs import RefMoved
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import LandingRefused, fresh_id

ROUNDS: Final = 20
"""How often trunk may move away before it is given up."""

PAUSE: Final = 0.05
"""Seconds that those who compete for trunk keep apart, at most, the first time."""


def land(repository: Repository, wish: Wish, rules: Rules, make_tester: MakeTester) -> Report:
    """Land branches, as many as can be, on their trunks; what cannot stays as it was.

    :raises LeaseGone: The lease that this works under is over; nothing was landed.
    """
    leases = Leases(Journal(place_in(repository.common_dir)))
    prepare(leases.place)
    leases.tend()
    recover(repository, leases.journal)
    synced = settle_landings(repository, leases)
    outcomes: list[Outcome] = []
    rounds = 0
    for onto in dict.fromkeys(branch.onto for branch in wish.branches):
        with operation(leases) as work, closing(Testers(work, make_tester)) as testers:
            places = {one.branch: one for one in Workplaces(leases.journal).all()}
            holder = for_command(name_here(repository.top, os.environ), os.environ)
            shown = shown_leases(os.environ)
            site = Site(repository, leases, rules, work, onto, wish, places, holder, shown)
            joiner = Joiner(site)
            lander = _Lander(site, joiner, Prover(site, joiner, testers))
            lander.land([branch for branch in wish.branches if branch.onto == onto])
            outcomes += [lander.outcomes[branch] for branch in wish.branches if branch.onto == onto]
            synced += lander.synced
            rounds = max(rounds, lander.rounds)
    return Report(tuple(outcomes), tuple(synced), rounds)


@dataclass
class _Lander:
    """Landing on one trunk."""

    site: Site
    joiner: Joiner
    prover: Prover
    outcomes: dict[Branch, Outcome] = field(default_factory=dict)
    synced: list[Synchronised] = field(default_factory=list)
    rounds: int = 0

    def land(self, branches: Sequence[Branch]) -> None:
        """Land as many as can be, and say of each what became of it."""
        site, chain = self.site, list[Link]()
        for _ in range(ROUNDS):
            self.rounds += 1
            trunk = site.trunk.read()
            if trunk is None:
                raise TrunkUnclear(site.onto, "it is gone")
            chain = list(self._chain(trunk, self._ordered(trunk, branches)))
            if not chain or site.wish.dry_run:
                return
            try:
                if site.wish.hand_over is not None:
                    check_chain(site.top, trunk, chain)
                    handed = site.wish.hand_over(site, chain)
                    for link in chain:
                        where = handed[link.branch]
                        self._conclude(link.branch, "handed", commit=link.commit, details=(where,))
                    return
                self.synced += publish(site, trunk, chain)
            except RefMoved:
                time.sleep(random.random() * PAUSE * self.rounds)  # noqa: S311 - spreads them
                continue
            finally:
                unpin(site.top, site.work.id)
            for link in chain:
                self._conclude(link.branch, "landed", commit=link.commit)
            return
        for link in chain:
            self._refuse(link.branch, Refused("moved", [f"{site.onto} moved {ROUNDS} times"]))

    def _ordered(self, trunk: str, branches: Sequence[Branch]) -> Sequence[Branch]:
        """Return what is left, in the order to land it in; tested, where several may be at once."""
        wish = self.site.wish
        ordered = [branch for branch in branches if branch not in self.outcomes]
        if not wish.in_given_order:
            scopes = self.site.rules.of(trunk).scopes
            ordered = in_order(ordered, {scope.id: scope.needs for scope in scopes})
        if wish.dry_run or len(ordered) < 2 or max(wish.workers, wish.batch) < 2:
            return ordered
        ordered, failed = self.prover.side_by_side(trunk, ordered)
        for branch, refused in failed:
            self._refuse(branch, refused)
        return ordered

    def _chain(self, trunk: str, branches: Iterable[Branch]) -> Iterator[Link]:
        """Yield the commits that trunk is to be moved over; what cannot come is left out."""
        head = trunk
        for branch in branches:
            try:
                link = self.joiner.link(trunk, head, branch)
                if link is not None and not self.site.wish.dry_run:
                    link = self.prover.prove(head, link)
            except Refused as refused:
                self._refuse(branch, refused)
                continue
            if link is None:
                self._conclude(branch, "nothing")
                continue
            if self.site.wish.dry_run:
                self._conclude(branch, "ready")
            head = link.commit
            yield link

    def _refuse(self, branch: Branch, refused: Refused) -> None:
        if not self.site.wish.dry_run:
            self.site.leases.journal.append(
                LandingRefused(
                    id=fresh_id(),
                    at=here.now().wall,
                    scope=branch.scope,
                    task=branch.task,
                    branch=branch.ref,
                    tip=branch.tip,
                    kind=refused.kind,
                    reason="\n".join(refused.details)[:2000],
                )
            )
        self._conclude(
            branch,
            refused.kind,
            details=tuple(refused.details),
            places=refused.places,
            resume=refused.resume or self.site.again(branch),
        )

    def _conclude(self, branch: Branch, kind: Kind, **more: object) -> None:
        self.outcomes[branch] = replace(
            Outcome(branch.task, branch.scope, branch.ref, branch.tip, branch.onto, kind),
            trials=tuple(self.prover.trials.get(branch, ())),
            **more,  # type: ignore[arg-type]
        )
