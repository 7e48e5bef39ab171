"""What all parts of a landing share: the trunk, what is wished, and who lands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.coordination.leases import Leases
from guild_plugins.delivery.landing.barriers import Resolve
from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.judging import Rules
from guild_plugins.delivery.landing.merging import Merged
from guild_plugins.delivery.landing.outcomes import Kind, Place, Trial
from guild_plugins.delivery.landing.syncing import work_trees_of
from guild_plugins.delivery.landing.trunks import LocalTrunk, RemoteTrunk
from guild_plugins.delivery.operation import Operation
from guild_plugins.delivery.workplaces import Workplace
from guild_plugins.git.repository import Repository
from guild_plugins.stages.leases import Holder


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
    :param hand_over: Takes what is proven, in the place of moving trunk; returns what each
        branch is handed over as.
    """

    branches: tuple[Branch, ...]
    dry_run: bool = False
    workers: int = 1
    composes: bool = False
    remote: str | None = None
    in_given_order: bool = False
    resolve: Resolve | None = None
    batch: int = 1
    hand_over: Callable[[Site, Sequence[Link]], Mapping[Branch, str]] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One commit of the chain that is to become trunk."""

    branch: Branch
    merged: Merged
    commit: str
    generation: int | None
    trials: tuple[Trial, ...]


class Refused(Exception):
    """A branch cannot land; within this folder alone."""

    def __init__(
        self,
        kind: Kind,
        details: Sequence[str],
        places: tuple[Place, ...] = (),
        resume: str | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind, self.details, self.places, self.resume = kind, details, places, resume


def demand(kind: Kind, objections: Sequence[str]) -> None:
    """Refuse a branch that something speaks against."""
    if objections:
        raise Refused(kind, objections)


@dataclass(frozen=True)
class Site:
    """Landing on one trunk.

    :param onto: Trunk's full name.
    :param places: Where branches are worked on.
    :param holder: Who lands, and with ``shown`` under which leases.
    """

    repository: Repository
    leases: Leases
    rules: Rules
    work: Operation
    onto: str
    wish: Wish
    places: dict[str, Workplace]
    holder: Holder
    shown: Sequence[tuple[str, int]]

    @property
    def top(self) -> Path:
        """The work tree that git is run in."""
        return self.repository.top

    @property
    def trunk(self) -> LocalTrunk | RemoteTrunk:
        """Trunk, where it is."""
        if self.wish.remote is None:
            return LocalTrunk(self.repository, self.onto)
        return RemoteTrunk(self.repository, self.wish.remote, self.onto)

    @property
    def trunk_name(self) -> str:
        """Trunk's short name."""
        return self.onto.removeprefix("refs/heads/")

    def followers(self) -> list[Repository]:
        """Return the work trees that have trunk checked out; a remote's trunk has none here."""
        return [] if self.wish.remote else work_trees_of(self.repository, self.onto)

    def again(self, branch: Branch) -> str:
        """Return the command that lands a branch once it is mended."""
        return f"guild land --onto {self.trunk_name} {branch.name}"
