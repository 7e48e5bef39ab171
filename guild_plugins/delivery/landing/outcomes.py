"""What became of each branch, with all that whoever goes on from there has to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "landed",
    "handed",
    "ready",
    "nothing",
    "conflict",
    "gates",
    "tests",
    "lease",
    "proof",
    "dirty",
    "moved",
]
"""``handed``: given to another queue; ``ready``: it would be landed; ``nothing``: trunk has it
already; the others say what refused it."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place that nobody but a person can decide on.

    :param line: In the file as trunk has it; 0 where it is about the whole file.
    :param trunk: What trunk's commits since the branch parted say of the file.
    :param branch: What the branch's own commits say of it.
    :param owners: Who is to be asked.
    """

    path: str
    line: int
    reason: str
    trunk: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """How testing one tree ended.

    :param passed: Whether the tree is proven.
    :param kept: It was not tested again: a tree with the same content was.
    :param flaky: It passed only when it was tested once more.
    :param note: The last line of what the tests said.
    :param log: Where all of it is; ``None`` where nothing was run.
    :param failed: The scopes whose tests failed, where the tests tell; all others' passed.
    """

    passed: bool
    kept: bool = False
    flaky: bool = False
    note: str = ""
    log: str | None = None
    seconds: float = 0.0
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one branch.

    :param commit: On trunk; ``None`` where it did not land.
    :param tip: Where the branch is; it is never moved.
    :param details: What is wrong, a line each.
    :param resume: The command that goes on, once that is mended.
    :param trials: One for each time that a tree with it was to be tested.
    """

    task: str
    scope: str
    branch: str
    tip: str
    onto: str
    kind: Kind
    commit: str | None = None
    details: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    resume: str | None = None
    trials: tuple[Trial, ...] = ()

    @property
    def is_left(self) -> bool:
        """Say whether the branch still has to be landed."""
        return self.kind not in ("landed", "handed", "nothing")


@dataclass(frozen=True, slots=True)
class Synchronised:
    """A work tree with trunk checked out, and whether it has what landed.

    :param trouble: Why it was left as it was.
    """

    path: str
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one command landed, and what it left."""

    outcomes: tuple[Outcome, ...]
    work_trees: tuple[Synchronised, ...] = ()
    rounds: int = 1
    """How often trunk was merged with, because it had moved."""

    def followed_by(self, later: Report) -> Report:
        """Return what both come to: of a branch that was tried again, what became of it then."""
        newer = {one.branch: one for one in later.outcomes}
        outcomes = tuple(newer.get(one.branch, one) for one in self.outcomes)
        trees = {one.path: one for one in (*self.work_trees, *later.work_trees)}
        return Report(outcomes, tuple(trees.values()), max(self.rounds, later.rounds))
