"""What one branch becomes on trunk: merged, judged by trunk's rules, and written as a commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from guild_plugins.delivery.landing.barriers import resolve_barriers
from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.explaining import explain_conflicts
from guild_plugins.delivery.landing.judging import generation_of, holders_in, lease_objections
from guild_plugins.delivery.landing.merging import Merged, merge_branch, tree_of
from guild_plugins.delivery.landing.proof import problems_of
from guild_plugins.delivery.landing.site import Link, Refused, Site, demand
from guild_plugins.delivery.landing.syncing import trouble_with
from guild_plugins.delivery.landing.writing import write_landing
from guild_plugins.delivery.trees import NotMergeable
from guild_plugins.git.changes import tree_changes
from guild_plugins.git.objects import GitObjects


@dataclass
class Joiner:
    """Joins branches to trunk, or to the last commit of what is to become trunk.

    What a branch became on a commit is remembered: what is tested is what lands.
    """

    site: Site
    _made: dict[tuple[str, Branch], Link | Refused | None] = field(default_factory=dict)

    def link(self, trunk: str, head: str, branch: Branch) -> Link | None:
        """Merge, judge and write one branch; ``None`` where trunk has all of it.

        :raises Refused: Something is wrong with it.
        """
        key = head, branch
        if key not in self._made:
            try:
                self._made[key] = self._link(trunk, head, branch)
            except Refused as refused:
                self._made[key] = refused
        made = self._made[key]
        if isinstance(made, Refused):
            raise made
        return made

    def _link(self, trunk: str, head: str, branch: Branch) -> Link | None:
        try:
            merged = merge_branch(self.site.top, head, branch.tip)
        except NotMergeable as error:
            raise Refused("conflict", [str(error)]) from None
        merged, rebuilt = self._without_barriers(branch, merged)
        if not merged.result.is_clean:
            raise self._conflict(branch, merged)
        if merged.tree == tree_of(self.site.top, head):
            return None
        problems = self._problems(merged, rebuilt)
        # What a rule did about whole files, contents alone may not prove: a person decides.
        settled = [one.text for one in merged.result.settled] if problems else []
        demand("conflict" if settled else "proof", [*problems, *settled])
        demand("lease", self._lease_objections(branch, merged))
        demand("gates", self.site.rules.objections(branch, merged))
        number = generation_of(self.site.top, merged, self.site.shown)
        commit = write_landing(self.site.top, branch, merged, number, rebuilt)
        if self.site.wish.hand_over is None:
            demand("dirty", list(self._dirty(trunk, commit)))
        return Link(branch, merged, commit, number, ())

    def _without_barriers(self, branch: Branch, merged: Merged) -> tuple[Merged, tuple[str, ...]]:
        """Let barriers that conflict be made anew; return their paths."""
        resolve = self.site.wish.resolve
        if merged.result.is_clean or resolve is None:
            return merged, ()
        is_barrier = self.site.rules.of(merged.head).is_barrier
        return resolve_barriers(self.site.repository, merged, branch.scope, is_barrier, resolve)

    def _problems(self, merged: Merged, rebuilt: Sequence[str]) -> list[str]:
        """Return what the merged tree holds beside trunk and the branch's change.

        :param rebuilt: Paths that are nobody's version any more.
        """
        names = (merged.base, merged.tip, merged.head, merged.tree)
        base, tip, head, tree = (tree_of(self.site.top, name) for name in names)
        pairs = ((base, tip), (base, head), (head, tree))
        own, trunks, done = (
            [one for one in tree_changes(self.site.repository, *pair) if one.path not in rebuilt]
            for pair in pairs
        )
        with closing(GitObjects(self.site.top)) as objects:
            return list(
                problems_of(own, trunks, done, lambda oid: dict(objects.read([oid])).get(oid))
            )

    def _lease_objections(self, branch: Branch, merged: Merged) -> tuple[str, ...]:
        others = [one for ref, one in self.site.places.items() if ref != branch.ref]
        return lease_objections(
            self.site.leases,
            merged,
            self.site.places.get(branch.ref),
            self.site.holder,
            self.site.shown,
            top=self.site.top,
            elsewhere=[name for one in others for name in holders_in(one)],
        )

    def _dirty(self, trunk: str, commit: str) -> Iterator[str]:
        """Yield why work trees that have trunk checked out could not follow."""
        for tree in self.site.followers():
            trouble = trouble_with(tree, trunk, commit, self.site.work.folder)
            if trouble is not None:
                name = self.site.trunk_name
                yield f"{tree.top} has {name} checked out and cannot follow: {trouble}"

    def _conflict(self, branch: Branch, merged: Merged) -> Refused:
        """Return what somebody has to know to settle it."""
        book = self.site.rules.of(merged.head)
        places = explain_conflicts(
            self.site.top, merged, lambda path: book.scope(book.owner_of(path)).owners
        )
        texts = [f"{place.path}:{place.line}: {place.reason}" for place in places]
        resume = f"guild resolve {branch.name} --onto {self.site.trunk_name}"
        if self.site.wish.remote is not None:
            resume += f" --push {self.site.wish.remote}"
        return Refused("conflict", texts, places, resume)
