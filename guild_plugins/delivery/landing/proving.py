"""Testing what is to become trunk: one commit after the other, and several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.crew import CannotBuild, Crew
from guild_plugins.delivery.landing.joining import Joiner
from guild_plugins.delivery.landing.outcomes import Trial
from guild_plugins.delivery.landing.pins import pin, unpin
from guild_plugins.delivery.landing.site import Link, Refused, Site
from guild_plugins.delivery.landing.testing import Tester
from guild_plugins.delivery.operation import Operation
from guild_plugins.delivery.queue.facts import Entry

MakeTester = Callable[[Operation, int], Tester]
"""Returns a tester for an operation; they are numbered from 0, and work side by side."""


class Testers:
    """Testers, each made when it is needed for the first time."""

    def __init__(self, work: Operation, make: MakeTester) -> None:
        self._work, self._make = work, make
        self._testers: dict[int, Tester] = {}

    def __call__(self, commit: str, base: str, name: str, slot: int = 0) -> Trial:
        """Test a commit's tree; what ``base`` has is taken for proven."""
        if slot not in self._testers:
            self._testers[slot] = self._make(self._work, slot)
        return self._testers[slot](commit, base, name)

    def cancel(self, slot: int) -> None:
        """End what is tested in a slot."""
        cancel = getattr(self._testers.get(slot), "cancel", None)
        if cancel is not None:
            cancel()

    def close(self) -> None:
        """Remove what the testers made."""
        for tester in self._testers.values():
            close = getattr(tester, "close", None)
            if close is not None:
                close()


@dataclass
class Prover:
    """Tests commits, and remembers what passed."""

    site: Site
    joiner: Joiner
    test: Testers
    proven: dict[Branch, Link] = field(default_factory=dict)
    trials: dict[Branch, list[Trial]] = field(default_factory=dict)

    def prove(self, head: str, link: Link) -> Link:
        """Test a commit, as far as no verdict holds for it.

        :raises Refused: It failed.
        """
        branch, merged, commit = link.branch, link.merged, link.commit
        pin(self.site.top, self.site.work.id, commit, (self.site.work.pulse.handle,))
        before = self.proven.get(branch)
        trials = self.trials.setdefault(branch, [])
        if before is not None and before.merged.tree == merged.tree:
            trials.append(Trial(True, kept=True, note="this very tree passed before"))
        elif before is not None and self._holds(before.commit, head, commit):
            note = "all that it can affect is as it was when it passed"
            trials.append(Trial(True, kept=True, note=note))
        else:
            base = before.commit if before is not None else head
            trials.append(self.test(commit, base, branch.name))
        if not trials[-1].passed:
            raise Refused("tests", [trials[-1].note])
        self.proven[branch] = replace(link, trials=tuple(trials))
        return self.proven[branch]

    def _holds(self, proven: str, head: str, commit: str) -> bool:
        """Say whether a verdict on one commit holds for another one with the same branch.

        It does where no scope is affected both by the branch and by how they differ.
        """
        if not self.site.wish.composes:
            return False
        own, other = self.site.rules.impact(head, commit), self.site.rules.impact(proven, commit)
        return set(own.scopes).isdisjoint(other.scopes)

    def side_by_side(
        self, trunk: str, ordered: Sequence[Branch]
    ) -> tuple[list[Branch], list[tuple[Branch, Refused]]]:
        """Test branches at once, as far as that may be.

        :return: The order to land them in, and those that failed.
        """
        entries = {one.name: one for one in ordered if one not in self.proven}
        crew = Crew(self.site.wish.workers, self.test, self.test.cancel, self.site.wish.batch)

        def build(after: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
            head = base = trunk
            for place, name in enumerate((*after, *names)):
                try:
                    link = self.joiner.link(trunk, head, entries[name])
                except Refused:
                    raise CannotBuild from None
                if link is None:
                    raise CannotBuild
                base = head if place == len(after) else base
                head, links[link.commit] = link.commit, link
            pins.append(f"{self.site.work.id}-{len(pins)}")
            pin(self.site.top, pins[-1], head, (self.site.work.pulse.handle,))
            return head, base

        pins: list[str] = []
        links: dict[str, Link] = {}
        try:
            known = [self._entry(trunk, branch) for branch in entries.values()]
            proofs = crew.prove([entry for entry in known if entry is not None], build)
        finally:
            for name in pins:
                unpin(self.site.top, name)
        passed, failed = list[Branch](), list[tuple[Branch, Refused]]()
        for name, proof in proofs.items():
            branch = entries[name]
            self.trials.setdefault(branch, []).append(proof.trial)
            if proof.trial.passed:
                self.proven[branch] = links[proof.commit]
                passed.append(branch)
            else:
                failed.append((branch, Refused("tests", [proof.trial.note])))
        done = {*passed, *(branch for branch, _ in failed)}
        return [*passed, *(one for one in ordered if one not in done)], failed

    def _entry(self, trunk: str, branch: Branch) -> Entry | None:
        """Return what the queue has to know of a branch; ``None`` where it fits no trunk yet."""
        try:
            link = self.joiner.link(trunk, trunk, branch)
        except Refused:
            return None
        if link is None:
            return None
        impact = self.site.rules.impact(trunk, link.commit)
        book = self.site.rules.of(trunk)
        is_barrier = any(book.is_barrier(path) for path in impact.changed)
        # A command's verdict is on one tree: each is tested on those before it.
        closure = impact.scopes if self.site.wish.composes else ("all",)
        return Entry(branch.name, frozenset(closure), is_barrier)
