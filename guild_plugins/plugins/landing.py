"""How Guild lands: what is needed for it, and the stage of a run that does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.trust import NotTrusted, is_trusted
from guild_plugins.delivery.landing.barriers import Wanted
from guild_plugins.delivery.landing.branches import Branch, choose
from guild_plugins.delivery.landing.handing import AsBranches, AsPatches
from guild_plugins.delivery.landing.judging import Rules
from guild_plugins.delivery.landing.landing import land
from guild_plugins.delivery.landing.outcomes import Report
from guild_plugins.delivery.landing.site import Wish
from guild_plugins.delivery.landing.testing import Means, Suites, folder_for
from guild_plugins.delivery.landing.trunks import RemoteTrunk
from guild_plugins.delivery.operation import Operation
from guild_plugins.delivery.starting import place_folder
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.boundaries.gate import Others
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.plugins import barriers
from guild_plugins.plugins.disabling import disabled_names
from guild_plugins.plugins.gates import Gates
from guild_plugins.scopes.config import find_source, read_configuration
from guild_plugins.scopes.model import LandSettings, WorkSettings
from guild_plugins.scopes.tree import DiskTree, SnapshotTree
from guild_plugins.stages import hookspecs
from guild_plugins.stages.hookspecs import PROJECT, hookimpl
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import (
    BarrierRequest,
    Outcome,
    StageRequest,
    StageResult,
    Undecided,
)
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places

DEADLINE: Final = 600.0
"""Seconds that making one barrier anew may take."""

BATCH: Final = 8
"""Branches that are tested as one, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to land.

    :param command: What proves a tree; ``None`` for what trunk names, or pytest.
    :param workers: Of each pytest; ``None`` for one process, or as many as fit.
    :param at_once: Trees that are tested at once; ``None`` for as many as there are cores.
    :param seconds: As long as one test of a tree may take.
    :param remote: Whose branch trunk is; ``None`` for this clone's own.
    :param batch: As many branches that cannot break each other as may be tested as one.
    :param hand_over: Takes what is proven, in the place of moving trunk.
    """

    command: tuple[str, ...] | None = None
    workers: str | None = None
    at_once: int | None = None
    seconds: float = 3600.0
    dry_run: bool = False
    remote: str | None = None
    in_given_order: bool = False
    batch: int = BATCH
    hand_over: AsBranches | AsPatches | None = None


@hookimpl(trylast=True)
def guild_land(request: StageRequest) -> StageResult:
    """Land the branch that is checked out in the scope's work tree."""
    repository = open_repository(Path(request.directory))
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    branches = choose(repository, places, onto=trunk_of(repository))
    report = land_branches(repository, branches, Manner(at_once=1))
    (outcome,) = report.outcomes
    text = f"{outcome.kind}: {', '.join(outcome.details)}" if outcome.details else outcome.kind
    return StageResult(
        summary=f"{outcome.branch.removeprefix('refs/heads/')}: {text}",
        outcome=Outcome.FAILED if outcome.is_left else Outcome.PASSED,
        data={"commit": outcome.commit, "kind": outcome.kind, "resume": outcome.resume},
    )


def land_branches(repository: Repository, branches: Sequence[Branch], manner: Manner) -> Report:
    """Land branches as trunk is set up for it.

    :raises NotTrusted: Trunk names a command, and nobody has said that it may run.
    """
    if isinstance(manner.hand_over, AsPatches):
        manner.hand_over.check()
    if manner.remote is not None:
        for onto in {branch.onto for branch in branches}:
            RemoteTrunk(repository, manner.remote, onto).read()
    landing, work_settings = settings_of(repository, branches, manner)
    at_once = max(1, min(manner.at_once or os.cpu_count() or 1, len(branches)))
    means = _means(repository, branches, landing, manner, at_once)
    rules = Rules(repository, partial(read_rules, repository.top), other_gates(repository))

    def make_tester(work: Operation, slot: int) -> Suites:
        return Suites(
            repository,
            folder_for(place_folder(repository, work_settings), work.id, slot),
            work.folder,
            repository.common_dir / "guild" / "landing",
            work.id,
            means,
            work_settings,
            work.pulse.handle,
            slot,
        )

    wish = Wish(
        tuple(branches),
        manner.dry_run,
        at_once,
        means.command is None,
        manner.remote,
        manner.in_given_order,
        partial(_resolve, repository) if _is_trusted(repository, branches, manner) else None,
        manner.batch,
        manner.hand_over,
    )
    return land(repository, wish, rules, make_tester)


def trunk_of(repository: Repository) -> str | None:
    """Return the branch that the configuration has things landed on, if it names one."""
    configured = read_configuration(repository.top, DiskTree(repository.top, ()))
    return configured.landing.onto if configured is not None else None


def settings_of(
    repository: Repository, branches: Sequence[Branch], manner: Manner
) -> tuple[LandSettings, WorkSettings]:
    """Return what trunk's configuration says."""
    for branch in branches[:1]:
        tree = SnapshotTree(revision_tree(repository, _kept_as(repository, branch.onto, manner)))
        configured = read_configuration(repository.top, tree)
        if configured is not None:
            return configured.landing, configured.work
    return LandSettings(), WorkSettings()


def _means(
    repository: Repository,
    branches: Sequence[Branch],
    landing: LandSettings,
    manner: Manner,
    at_once: int,
) -> Means:
    """Return how trees are tested: as the user says, else as trunk says, else by pytest."""
    workers = manner.workers or ("0" if at_once > 1 else "auto")
    means = Means(manner.command, workers, manner.seconds)
    if manner.command is not None or not landing.tests:
        return means
    if not manner.dry_run and not _is_trusted(repository, branches, manner):
        raise NotTrusted("landing.tests", landing.tests)
    return replace(means, command=landing.tests)


def _is_trusted(repository: Repository, branches: Sequence[Branch], manner: Manner) -> bool:
    """Say whether commands may run that trunk's configuration, or its files, ask for."""
    for onto in {branch.onto for branch in branches}:
        tree = revision_tree(repository, _kept_as(repository, onto, manner))
        source = find_source(SnapshotTree(tree))
        if source is None or not is_trusted(repository.common_dir, source, os.environ):
            return False
    return True


def _resolve(repository: Repository, wanted: Wanted) -> bytes | str | None:
    """Ask plugins, in the end Guild's own, for a barrier's content."""
    installed = find_installed(PROJECT, trusted_places(repository.top))
    own = {"guild.barriers": barriers}
    plugins = Plugins(own, installed, disabled_names(os.environ))
    request = BarrierRequest(
        path=wanted.path,
        directory=wanted.directory,
        base=wanted.base,
        wanted=wanted.versions,
    )
    answer = plugins.within(DEADLINE).first(hookspecs.guild_resolve_barrier, request=request)
    if answer is None:
        return None
    value = answer.value
    if isinstance(value, Undecided):
        return value.reason
    return value if isinstance(value, bytes) else None


def _kept_as(repository: Repository, onto: str, manner: Manner) -> str:
    """Return the reference that trunk has here."""
    return onto if manner.remote is None else RemoteTrunk(repository, manner.remote, onto).ref


def other_gates(repository: Repository) -> Others | None:
    """Return the gates that other packages install; ``None`` where none can have any."""
    if not may_have_plugins(GROUP, trusted_places(repository.top)):
        return None
    return Gates(repository, os.environ)
