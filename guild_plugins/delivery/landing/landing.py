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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.turns import turn
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.landing.barriers import Resolve, resolve_barriers
from guild_plugins.delivery.landing.branches import Branch, TrunkUnclear, in_order
from guild_plugins.delivery.landing.crew import CannotBuild, Crew
from guild_plugins.delivery.landing.explaining import explain_conflicts
from guild_plugins.delivery.landing.judging import (
    Rules,
    generation_of,
    holders_in,
    lease_objections,
)
from guild_plugins.delivery.landing.merging import Merged, merge_branch, tree_of
from guild_plugins.delivery.landing.notes import note_for, write_note
from guild_plugins.delivery.landing.outcomes import (
    Kind,
    Outcome,
    Place,
    Report,
    Synchronised,
    Trial,
)
from guild_plugins.delivery.landing.pins import pin, unpin
from guild_plugins.delivery.landing.proof import problems_of
from guild_plugins.delivery.landing.settling import ended, settle_landings
from guild_plugins.delivery.landing.syncing import synchronise, trouble_with, work_trees_of
from guild_plugins.delivery.landing.testing import Tester
from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.landing.trunks import LocalTrunk, Mover, RemoteTrunk
from guild_plugins.delivery.landing.writing import write_landing
from guild_plugins.delivery.operation import Move, Operation, operation
from guild_plugins.delivery.queue.facts import Entry
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.trees import NotMergeable
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.changes import tree_changes
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.refs import RefMoved
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import LandedBranch, LandingRefused, LandingStarted, fresh_id

ROUNDS: Final = 20
"""How often trunk may move away before it is given up."""

PAUSE: Final = 0.05
"""Seconds that those who compete for trunk keep apart, at most, the first time."""

MakeTester = Callable[[Operation, int], Tester]
"""Returns a tester for an operation; they are numbered from 0, and work side by side."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be landed, and how.

    :param dry_run: Only merge and judge.
    :param workers: As many trees as may be tested at once.
    :param batch: As many branches that cannot break each other as may be tested as one.
    :param composes: A verdict holds for another tree as well where the graph shows that
        nothing which the branch can affect differs: so it is with pytest, not with a command.
    :param remote: Whose branch is trunk; ``None`` for this clone's own.
    :param in_given_order: As they are named, and not what others depend on first.
    :param resolve: Makes barriers anew that are in conflict.
    """

    branches: tuple[Branch, ...]
    dry_run: bool = False
    workers: int = 1
    composes: bool = False
    remote: str | None = None
    in_given_order: bool = False
    resolve: Resolve | None = None
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Link:
    """One commit of the chain that is to become trunk."""

    branch: Branch
    merged: Merged
    commit: str
    generation: int | None
    trials: tuple[Trial, ...]


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
        with operation(leases) as work, closing(_Testing(work, make_tester)) as testing:
            lander = _Lander(repository, leases, rules, work, testing, onto, wish)
            lander.land([branch for branch in wish.branches if branch.onto == onto])
            outcomes += [lander.outcomes[branch] for branch in wish.branches if branch.onto == onto]
            synced += lander.synced
            rounds = max(rounds, lander.rounds)
    return Report(tuple(outcomes), tuple(synced), rounds)


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


class _Refused(Exception):
    """A branch cannot land; within this module alone."""

    def __init__(
        self,
        kind: Kind,
        details: Sequence[str],
        places: tuple[Place, ...] = (),
        resume: str | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind, self.details, self.places, self.resume = kind, details, places, resume


def _demand(kind: Kind, objections: Sequence[str]) -> None:
    """Refuse a branch that something speaks against."""
    if objections:
        raise _Refused(kind, objections)


class _Testing:
    """Testers, each made when it is needed for the first time."""

    def __init__(self, work: Operation, make: MakeTester) -> None:
        self._work, self._make = work, make
        self._testers: dict[int, Tester] = {}

    def __call__(self, commit: str, base: str, name: str, slot: int = 0) -> Trial:
        if slot not in self._testers:
            self._testers[slot] = self._make(self._work, slot)
        return self._testers[slot](commit, base, name)

    def cancel(self, slot: int) -> None:
        cancel = getattr(self._testers.get(slot), "cancel", None)
        if cancel is not None:
            cancel()

    def close(self) -> None:
        for tester in self._testers.values():
            close = getattr(tester, "close", None)
            if close is not None:
                close()


@dataclass
class _Lander:
    """Landing on one trunk."""

    repository: Repository
    leases: Leases
    rules: Rules
    work: Operation
    test: _Testing
    onto: str
    wish: Wish
    outcomes: dict[Branch, Outcome] = field(default_factory=dict)
    synced: list[Synchronised] = field(default_factory=list)
    rounds: int = 0
    _rebuilt: dict[tuple[str, str], tuple[Merged, tuple[str, ...]]] = field(default_factory=dict)
    _proven: dict[Branch, Link] = field(default_factory=dict)
    _trials: dict[Branch, list[Trial]] = field(default_factory=dict)

    @property
    def top(self) -> Path:
        return self.repository.top

    def land(self, branches: Sequence[Branch]) -> None:
        """Land as many as can be, and say of each what became of it."""
        self._places = {one.branch: one for one in Workplaces(self.leases.journal).all()}
        self._holder = for_command(name_here(self.top, os.environ), os.environ)
        self._shown = shown_leases(os.environ)
        remote = self.wish.remote
        self._trunk = (
            LocalTrunk(self.repository, self.onto)
            if remote is None
            else RemoteTrunk(self.repository, remote, self.onto)
        )
        chain: list[Link] = []
        for _ in range(ROUNDS):
            self.rounds += 1
            trunk = self._trunk.read()
            if trunk is None:
                raise TrunkUnclear(self.onto, "it is gone")
            book = self.rules.of(trunk)
            left = [branch for branch in branches if branch not in self.outcomes]
            ordered = left
            if not self.wish.in_given_order:
                ordered = in_order(left, {scope.id: scope.needs for scope in book.scopes})
            if max(self.wish.workers, self.wish.batch) > 1 < len(ordered) and not self.wish.dry_run:
                ordered = self._test_side_by_side(trunk, ordered)
            chain = list(self._chain(trunk, ordered))
            if not chain or self.wish.dry_run:
                return
            try:
                self._publish(trunk, chain)
            except RefMoved:
                time.sleep(random.random() * PAUSE * self.rounds)  # noqa: S311 - spreads them
                continue
            finally:
                unpin(self.top, self.work.id)
            return
        for link in chain:
            self._refuse(link.branch, _Refused("moved", [f"{self.onto} moved {ROUNDS} times"]))

    # -- the chain -------------------------------------------------------------

    def _chain(self, trunk: str, branches: Iterable[Branch]) -> Iterator[Link]:
        """Yield the commits that trunk is to be moved over; what cannot come is left out."""
        head = trunk
        for branch in branches:
            try:
                link = self._link(trunk, head, branch)
            except _Refused as refused:
                self._refuse(branch, refused)
                continue
            if link is None:
                self._conclude(branch, "nothing")
            else:
                head = link.commit
                yield link

    def _link(self, trunk: str, head: str, branch: Branch) -> Link | None:
        """Merge, judge, write and test one branch; ``None`` where trunk has all of it.

        :raises _Refused: Something is wrong with it.
        """
        try:
            merged = merge_branch(self.top, head, branch.tip)
        except NotMergeable as error:
            raise _Refused("conflict", [str(error)]) from None
        merged, rebuilt = self._without_barriers(branch, merged)
        if not merged.result.is_clean:
            raise self._conflict(branch, merged)
        if merged.tree == tree_of(self.top, head):
            return None
        problems = self._problems(merged, rebuilt)
        # What a rule did about whole files, contents alone may not prove: a person decides.
        settled = [one.text for one in merged.result.settled] if problems else []
        _demand("conflict" if settled else "proof", [*problems, *settled])
        _demand("lease", self._lease_objections(branch, merged))
        _demand("gates", self.rules.objections(branch, merged))
        number = generation_of(self.top, merged, self._shown)
        commit = write_landing(self.top, branch, merged, number, rebuilt)
        _demand("dirty", list(self._dirty(trunk, commit)))
        if self.wish.dry_run:
            self._conclude(branch, "ready")
            return Link(branch, merged, commit, number, ())
        return self._prove(head, Link(branch, merged, commit, number, ()))

    def _without_barriers(self, branch: Branch, merged: Merged) -> tuple[Merged, tuple[str, ...]]:
        """Let barriers that conflict be made anew, once for the same merge; return their paths."""
        resolve = self.wish.resolve
        if merged.result.is_clean or resolve is None:
            return merged, ()
        key = merged.head, merged.tip
        if key not in self._rebuilt:
            is_barrier = self.rules.of(merged.head).is_barrier
            self._rebuilt[key] = resolve_barriers(
                self.repository, merged, branch.scope, is_barrier, resolve
            )
        return self._rebuilt[key]

    def _problems(self, merged: Merged, rebuilt: Sequence[str]) -> list[str]:
        """Return what the merged tree holds beside trunk and the branch's change.

        :param rebuilt: Paths that are nobody's version any more.
        """
        names = (merged.base, merged.tip, merged.head, merged.tree)
        base, tip, head, tree = (tree_of(self.top, name) for name in names)
        pairs = ((base, tip), (base, head), (head, tree))
        own, trunks, done = (
            [one for one in tree_changes(self.repository, *pair) if one.path not in rebuilt]
            for pair in pairs
        )
        with closing(GitObjects(self.top)) as objects:
            return list(
                problems_of(own, trunks, done, lambda oid: dict(objects.read([oid])).get(oid))
            )

    def _prove(self, head: str, link: Link) -> Link:
        branch, merged, commit = link.branch, link.merged, link.commit
        pin(self.top, self.work.id, commit, (self.work.pulse.handle,))
        before = self._proven.get(branch)
        trials = self._trials.setdefault(branch, [])
        if before is not None and before.merged.tree == merged.tree:
            trials.append(Trial(True, kept=True, note="this very tree passed before"))
        elif before is not None and self._holds(before.commit, head, commit):
            note = "all that it can affect is as it was when it passed"
            trials.append(Trial(True, kept=True, note=note))
        else:
            base = before.commit if before is not None else head
            trials.append(self.test(commit, base, branch.name))
        if not trials[-1].passed:
            raise _Refused("tests", [trials[-1].note])
        self._proven[branch] = replace(link, trials=tuple(trials))
        return self._proven[branch]

    def _holds(self, proven: str, head: str, commit: str) -> bool:
        """Say whether a verdict on one commit holds for another one with the same branch.

        It does where no scope is affected both by the branch and by how they differ.
        """
        if not self.wish.composes:
            return False
        own, other = self.rules.impact(head, commit), self.rules.impact(proven, commit)
        return set(own.scopes).isdisjoint(other.scopes)

    def _test_side_by_side(self, trunk: str, ordered: Sequence[Branch]) -> list[Branch]:
        """Test branches at once, as far as that may be, and return the order to land them in."""
        entries = {one.name: one for one in ordered if one not in self._proven}
        crew = Crew(self.wish.workers, self.test, self.test.cancel, self.wish.batch)

        def build(after: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
            head, line = trunk, (*after, *names)
            for place, name in enumerate(line):
                branch = entries[name]
                made = chains.get(line[: place + 1])
                if made is not None:
                    head = made
                    continue
                try:
                    merged = merge_branch(self.top, head, branch.tip)
                except NotMergeable:
                    raise CannotBuild from None
                if not merged.result.is_clean or self.rules.objections(branch, merged):
                    raise CannotBuild
                head = write_landing(self.top, branch, merged, None)
                chains[line[: place + 1]] = head
                links[head] = Link(branch, merged, head, None, ())
            pin(self.top, f"{self.work.id}-{len(pins)}", head, (self.work.pulse.handle,))
            pins.append(f"{self.work.id}-{len(pins)}")
            return head, chains.get(tuple(after), trunk)

        pins: list[str] = []
        chains: dict[tuple[str, ...], str] = {}
        links: dict[str, Link] = {}
        try:
            known = [self._entry(trunk, branch) for branch in entries.values()]
            proofs = crew.prove([entry for entry in known if entry is not None], build)
        finally:
            for name in pins:
                unpin(self.top, name)
        for name, proof in proofs.items():
            trials = self._trials.setdefault(entries[name], [])
            trials.append(proof.trial)
            if proof.trial.passed:
                self._proven[entries[name]] = links[proof.commit]
            else:
                self._refuse(entries[name], _Refused("tests", [proof.trial.note]))
        first = [entries[name] for name, proof in proofs.items() if proof.trial.passed]
        rest = [one for one in ordered if one not in first and one not in self.outcomes]
        return [*first, *rest]

    def _entry(self, trunk: str, branch: Branch) -> Entry | None:
        """Return what the queue has to know of a branch; ``None`` where it fits no trunk yet."""
        try:
            merged = merge_branch(self.top, trunk, branch.tip)
        except NotMergeable:
            return None
        before = tree_of(self.top, trunk)
        if not merged.result.is_clean or merged.tree == before:
            return None
        if self.rules.objections(branch, merged):
            return None
        impact = self.rules.impact(before, merged.tree)
        book = self.rules.of(trunk)
        is_barrier = any(book.is_barrier(path) for path in impact.changed)
        # A command's verdict is on one tree: each is tested on those before it.
        closure = impact.scopes if self.wish.composes else ("all",)
        return Entry(branch.name, frozenset(closure), is_barrier)

    def _lease_objections(self, branch: Branch, merged: Merged) -> tuple[str, ...]:
        others = [one for ref, one in self._places.items() if ref != branch.ref]
        return lease_objections(
            self.leases,
            merged,
            self._places.get(branch.ref),
            self._holder,
            self._shown,
            top=self.top,
            elsewhere=[name for one in others for name in holders_in(one)],
        )

    def _followers(self) -> list[Repository]:
        """Return the work trees that have trunk checked out; a remote's trunk has none here."""
        return [] if self.wish.remote else work_trees_of(self.repository, self.onto)

    def _dirty(self, trunk: str, commit: str) -> Iterator[str]:
        """Yield why work trees that have trunk checked out could not follow."""
        for tree in self._followers():
            trouble = trouble_with(tree, trunk, commit, self.work.folder)
            if trouble is not None:
                yield f"{tree.top} has {self._trunk_name} checked out and cannot follow: {trouble}"

    # -- the move --------------------------------------------------------------

    def _publish(self, trunk: str, chain: Sequence[Link]) -> None:
        new = chain[-1].commit
        self._check(trunk, chain)
        subject = ", ".join(link.branch.name for link in chain)
        started = LandingStarted(
            id=fresh_id(),
            at=here.now().wall,
            operation=self.work.id,
            onto=self._trunk.ref,
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
        move = Move("land", self.onto, trunk, new, f"guild land: {subject}")
        with turn(self.leases.place.folder / "landing.lock"):
            pin(self.top, self.work.id, new, (self.work.pulse.handle,))
            self.leases.journal.append(started)
            try:
                mover = Mover(self.leases, self.work, self._holder, self._shown)
                self._trunk.move(mover, move)
            except GuildError:
                self.leases.journal.append(ended(started, here.now().wall, moved=False))
                raise
            for tree in self._followers():
                self.synced.append(synchronise(tree, trunk, new, self.work.folder))
            for link in chain:
                merged = link.merged
                note = note_for(self.repository, merged.base, merged.tip, merged.head)
                write_note(self.top, link.commit, note)
            if isinstance(self._trunk, RemoteTrunk):
                self._trunk.share_notes()
            self.leases.journal.append(ended(started, here.now().wall, moved=True))
        for link in chain:
            self._conclude(link.branch, "landed", commit=link.commit)

    def _check(self, trunk: str, chain: Sequence[Link]) -> None:
        """See that what is about to be published is what was tested, commit by commit.

        :raises NotProven: It is not.
        """
        before = trunk
        found = list(landings_in(self.top, [f"{trunk}..{chain[-1].commit}"]))[::-1]
        if [one.commit for one in found] != [link.commit for link in chain]:
            raise NotProven(chain[-1].commit, "other commits came between those that were tested")
        for one, link in zip(found, chain, strict=True):
            if one.parents != (before,):
                raise NotProven(one.commit, "it does not stand on the commit that it was tested on")
            if not one.tree == one.tested == link.merged.tree:
                raise NotProven(one.commit, f"{link.merged.tree} was tested, and it has {one.tree}")
            before = one.commit

    # -- what became of them ---------------------------------------------------

    @property
    def _trunk_name(self) -> str:
        return self.onto.removeprefix("refs/heads/")

    def _conflict(self, branch: Branch, merged: Merged) -> _Refused:
        book = self.rules.of(merged.head)
        places = explain_conflicts(
            self.top, merged, lambda path: book.scope(book.owner_of(path)).owners
        )
        texts = [f"{place.path}:{place.line}: {place.reason}" for place in places]
        place = self._places.get(branch.ref)
        where = place.path if place is not None else "the branch's work tree"
        resume = f"in {where}: git merge {self._trunk_name}, commit, {self._again(branch)}"
        return _Refused("conflict", texts, places, resume)

    def _again(self, branch: Branch) -> str:
        return f"guild land --onto {self._trunk_name} {branch.name}"

    def _refuse(self, branch: Branch, refused: _Refused) -> None:
        if not self.wish.dry_run:
            self.leases.journal.append(
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
            resume=refused.resume or self._again(branch),
        )

    def _conclude(self, branch: Branch, kind: Kind, **more: object) -> None:
        self.outcomes[branch] = replace(
            Outcome(branch.task, branch.scope, branch.ref, branch.tip, branch.onto, kind),
            trials=tuple(self._trials.get(branch, ())),
            **more,  # type: ignore[arg-type]
        )
