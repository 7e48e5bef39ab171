"""Making a run: which scopes, from which commit, with how many workers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from guild_plugins.engine.pipeline.pool import cores_for, pool_bounds
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import run_git, split_names
from guild_plugins.git.refs import read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.boundaries.gate import UnknownScope
from guild_plugins.graph.boundaries.reading import read_project
from guild_plugins.plugins.running.course import course, reading_course
from guild_plugins.plugins.running.memory import Memory
from guild_plugins.plugins.running.settings import LOCAL, Settings
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.plugins.running.territory import territories
from guild_plugins.scopes.model import ROOT, Scope, ScopeId
from guild_plugins.scopes.ownership import OwnershipUnclear
from guild_plugins.scopes.project import Project
from guild_plugins.stages.codec import encode
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import Limits, RunStarted


class RunUnclear(GuildError):
    """It is not clear what is to be run."""

    slug = "run-unclear"
    exit = Exit.USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def order(
    repository: Repository,
    task: str,
    *,
    settings: Settings,
    scopes: Sequence[str] = (),
    command: Sequence[str] = (),
    workers: int | None = None,
    plans: bool = True,
) -> RunStarted:
    """Return the run that does a task.

    :param scopes: Only these, groups and patterns allowed.
    :param command: What is run in each scope; empty where plugins do the work.
    :param workers: At most as many at once.
    :param plans: False to stop when all scopes were researched.
    :raises UnknownScope: One of the scopes does not exist.
    :raises RunUnclear: There is no commit yet.
    """
    base = read_ref(repository.top, "HEAD")
    if base is None:
        raise RunUnclear("There is no commit yet.")
    chosen = select(_project_at(repository, base), scopes)
    if settings.plan is not None:
        units = course(settings.plan, chosen, settings)
        chosen = tuple(step.scope for step in settings.plan.steps)
    else:
        units = reading_course(chosen, plans=plans)
    id = fresh_id()
    return RunStarted(
        id=fresh_id(),
        at=time.time(),
        run=id,
        task=task,
        name=f"{_word(task)}-{id[:6]}",
        base=base,
        command=tuple(command),
        limits=_limits(len(chosen), workers, settings),
        units=units,
        settings=encode(settings),
    )


def select(project: Project, names: Sequence[str]) -> tuple[ScopeId, ...]:
    """Return the scopes that names stand for; all where there are none.

    :raises UnknownScope: A name stands for none.
    """
    if not names:
        return tuple(scope.id for scope in project.scopes)
    try:
        return project.select(list(names))
    except KeyError as error:
        raise UnknownScope(error.args[0]) from None


def shop_for(
    repository: Repository,
    started: RunStarted,
    folder: Path,
    environ: Mapping[str, str],
    *,
    goes_on: bool = True,
) -> RunShop:
    """Return what knows the units of a run.

    :param folder: Where logs and briefs are kept.
    :param goes_on: What was planned is carried out.
    :raises UnknownScope: A scope of the run is there no more.
    """
    project = _project_at(repository, started.base)
    known: dict[ScopeId, Scope] = {scope.id: scope for scope in project.scopes}
    chosen = dict.fromkeys(unit.scope for unit in started.units if unit.scope is not None)
    for scope in chosen:
        if scope not in known:
            raise UnknownScope(scope)

    def owner_of(path: str) -> ScopeId:
        try:
            return project.owner_of(path)
        except OwnershipUnclear:
            return ROOT

    listed = run_git(["ls-tree", "-r", "-z", "--name-only", started.base], repository.top)
    return RunShop(
        top=repository.top,
        folder=folder,
        scopes={scope: known[scope] for scope in chosen},
        paths=territories(split_names(listed), owner_of),
        environ=environ,
        memory=Memory(goes_on=goes_on),
    )


def _project_at(repository: Repository, commit: str) -> Project:
    """Return the scopes of a commit: a run that is resumed has those that it began with."""
    return read_project(repository.top, revision_tree(repository, commit))


def _limits(scopes: int, workers: int | None, settings: Settings) -> Limits:
    least, most = pool_bounds(max(1, scopes))
    if workers is not None:
        least, most = min(least, workers), workers
    if settings.executor != LOCAL:  # this machine's cores and memory are no measure
        memory = most * max(settings.memory, 512 << 20)
        return Limits(least=least, most=most, cores=float(most), memory=memory)
    return Limits(least=least, most=most, cores=cores_for(os.cpu_count() or 1))


def _word(task: str) -> str:
    """Return a task as a part of branch names."""
    return re.sub(r"[^a-z0-9]+", "-", task.lower()).strip("-")[:40].strip("-") or "run"
