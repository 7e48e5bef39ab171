"""Starting work places: for each scope a branch and a work tree, made under one lock.

What is about to be made is noted first, with the name of the process's kernel lock.
A work place that a dead process left half-made is taken away again by whoever comes
next (`settling`), or taken over if it is whole. Asked for again, one that is there is
returned as it is, and a set-up that did not end is run again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.trust import NotTrusted, is_trusted
from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.furnishing import (
    copy_files,
    free_number,
    furnish,
    ports_of,
    run_setup,
    variables,
)
from guild_plugins.delivery.names import PREFIX, branch_for
from guild_plugins.delivery.operation import Operation, operation
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.removing import take_away
from guild_plugins.delivery.settling import settle
from guild_plugins.delivery.workplaces import Workplace, Workplaces, is_alive
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.adding import add_worktree
from guild_plugins.git.pending import refuse_in_progress
from guild_plugins.git.process import GitFailed
from guild_plugins.git.refs import Head, move_ref, point_head, read_head, read_ref
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.worktrees import checked_out, flaw_of
from guild_plugins.scopes.config import find_source, read_configuration
from guild_plugins.scopes.model import ScopeId, WorkSettings
from guild_plugins.scopes.naming import problem_with
from guild_plugins.scopes.tree import DiskTree
from guild_plugins.stages.events import (
    Copied,
    WorkplaceAbandoned,
    WorkplaceBegun,
    WorkplaceMade,
    WorkplaceReady,
    fresh_id,
)


class CannotStart(GuildError):
    """A work place cannot be made; nothing was changed for it."""

    slug = "cannot-start"
    exit = Exit.USAGE

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name} cannot be started: {self.reason}."


class WorkplaceBusy(GuildError):
    """Another process is at work on a work place."""

    slug = "workplace-busy"
    exit = Exit.CONTENDED

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"Another process is setting up {self.name} at the moment."


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be started.

    :param base: The revision to begin at; ``None`` for what is checked out.
    :param here: Use the work tree that the command is run in, and make none.
    :param sets_up: Run the set-up command.
    """

    task: str
    scopes: tuple[ScopeId, ...]
    base: str | None = None
    here: bool = False
    sets_up: bool = True


@dataclass(frozen=True, slots=True)
class Started:
    """A work place that is there.

    :param trouble: Why it is not set up; ``None`` if it is.
    """

    place: Workplace
    env_file: Path
    ports: range
    is_new: bool
    trouble: GuildError | None = None


def start(repository: Repository, order: Order) -> Iterator[Started]:
    """Make the work places that are not there, one after the other, and yield each.

    :raises CannotStart: One cannot be made; those before it stay.
    :raises GateBusy: Others kept making work places for minutes.
    """
    _check_order(order)
    settings = read_settings(repository.top)
    if order.here:
        refuse_in_progress(repository.git_dir)
    head = read_head(repository.top)
    base = read_ref(repository.top, order.base) if order.base else head.commit
    if base is None:
        reason = f"there is no commit {order.base!r}" if order.base else "there is no commit yet"
        raise CannotStart(order.task, reason)
    leases = Leases(Journal(place_in(repository.common_dir)))
    prepare(leases.place)
    recover(repository, leases.journal)
    desk = _Desk(repository, leases, Workplaces(leases.journal), settings, order, head, base)
    for scope in order.scopes:
        yield desk.open(scope)


def read_settings(top: Path) -> WorkSettings:
    """Return what work places get, as the configuration says.

    :raises ConfigInvalid: It cannot be used.
    """
    configured = read_configuration(top, DiskTree(top, ()))
    return configured.work if configured else WorkSettings()


@dataclass
class _Desk:
    """What making work places takes."""

    repository: Repository
    leases: Leases
    places: Workplaces
    settings: WorkSettings
    order: Order
    head: Head
    base: str
    _now: Callable[[], float] = field(default=lambda: here.now().wall)

    def open(self, scope: ScopeId) -> Started:
        """Make a work place, or find it, and set it up."""
        place = self.leases.place
        with operation(self.leases) as work:
            with self._turn():
                found = self._find(scope)
                one = found or self._make(scope, work)
                if found and not found.is_ready:
                    self._take_over(found, work)
            env_file = furnish(place, one, self.settings)
            trouble = None if one.is_ready else self._set_up(one, work)
        ports = ports_of(one.number, self.settings)
        return Started(one, env_file, ports, found is None, trouble)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with turn(self.places.turn):
            settle(self.repository, self.leases)
            yield

    def _find(self, scope: ScopeId) -> Workplace | None:
        for one in self.places.all():
            if (one.task, one.scope) == (self.order.task, scope):
                flaw = flaw_of(self.repository, Path(one.path), one.branch)
                if flaw is not None:
                    raise CannotStart(one.name, f"{flaw}; guild doctor says more")
                return one
        return None

    def _take_over(self, one: Workplace, work: Operation) -> None:
        """Say that it is this process that sets it up now."""
        if is_alive(self.leases.place, one):
            raise WorkplaceBusy(one.name)
        self.places.record(
            WorkplaceMade(
                id=fresh_id(),
                at=self._now(),
                scope=one.scope,
                place=one.id,
                operation=work.id,
                copied=one.copied,
            )
        )

    def _make(self, scope: ScopeId, work: Operation) -> Workplace:
        begun = self._plan(scope, work)
        self.places.record(begun)
        one = next(one for one in self.places.all() if one.id == begun.place)
        try:
            self._create(one, work)
            flaw = flaw_of(self.repository, Path(one.path), one.branch)
            if flaw is not None:
                raise CannotStart(one.name, flaw)
            copied: tuple[Copied, ...] = ()
            if one.git_dir is None:
                copied = copy_files(self.repository.top, Path(one.path), self.settings)
            furnish(self.leases.place, one, self.settings)
            self.places.record(
                WorkplaceMade(
                    id=f"{one.id}-made",
                    at=self._now(),
                    cause=begun.id,
                    scope=scope,
                    place=one.id,
                    operation=work.id,
                    copied=copied,
                )
            )
        except BaseException as error:
            with suppress(GuildError, OSError):  # else whoever comes next does it
                take_away(self.repository, self.leases.place, one, work.folder)
                self.places.record(_abandoned(begun, self._now(), error))
            raise
        return one

    def _plan(self, scope: ScopeId, work: Operation) -> WorkplaceBegun:
        """Decide what is to be made, and refuse what is in the way of it."""
        task, top = self.order.task, self.repository.top
        name, branch = f"{task}/{scope}", branch_for(task, scope)
        tip = read_ref(top, branch)
        base = tip or self.base
        if tip is not None and self.order.base and tip != self.base:
            raise CannotStart(name, f"its branch is there and not at {self.order.base}")
        path = top if self.order.here else place_folder(self.repository, self.settings) / name
        if self.order.here and base != self.head.commit:
            raise CannotStart(name, "without a work tree, it can only begin at what is checked out")
        if not self.order.here:
            self._check_path(name, branch, path)
        taken = {one.number for one in self.places.all()}
        return WorkplaceBegun(
            id=fresh_id(),
            at=self._now(),
            scope=scope,
            place=fresh_id()[:12],
            operation=work.id,
            task=task,
            branch=branch,
            path=str(path),
            git_dir=str(self.repository.git_dir) if self.order.here else None,
            onto=self.head.branch or self.base,
            base=base,
            makes_branch=tip is None,
            number=free_number(taken, self.settings),
        )

    def _check_path(self, name: str, branch: str, path: Path) -> None:
        elsewhere = checked_out(self.repository.common_dir).get(branch)
        if branch == self.head.branch:
            elsewhere = self.repository.top
        if elsewhere is not None:
            raise CannotStart(name, f"its branch is checked out in {elsewhere}")
        if path.exists() or path.is_symlink():
            raise CannotStart(name, f"{path} is there already")
        around = find_repository(path.parent)
        if around is not None and around.common_dir == self.repository.common_dir:
            raise CannotStart(name, f"{path} would lie in the work tree {around.top}")

    def _create(self, one: Workplace, work: Operation) -> None:
        top, inherit = self.repository.top, (work.pulse.handle,)
        if one.makes_branch:
            message = f"guild start: from {one.onto.removeprefix('refs/heads/')}"
            try:
                move_ref(top, one.branch, new=one.base, old=None, message=message, inherit=inherit)
            except GitFailed as error:
                named = _no_room(top, one)
                if named is None:
                    raise
                raise named from error
        if one.git_dir is not None:
            point_head(top, one.branch, "guild start", inherit)
            return
        path = Path(one.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = work.folder / "admin-draft"
        try:
            add_worktree(
                self.repository, path, one.branch, reason=one.reason, draft=draft, inherit=inherit
            )
        except FileExistsError:
            raise CannotStart(one.name, f"{path} is there already") from None

    def _set_up(self, one: Workplace, work: Operation) -> GuildError | None:
        """Run the set-up command, if there is one and it may run; return what stopped it."""
        wants = one.git_dir is None and self.settings.setup
        if wants and not self.order.sets_up:
            return None
        try:
            if wants:
                _check_trust(self.repository, Path(one.path), self.settings)
                own = variables(self.leases.place, one, self.settings)
                run_setup(one, self.settings, own, work.pulse.handle)
        except GuildError as error:
            return error
        self.places.record(
            WorkplaceReady(
                id=fresh_id(), at=self._now(), scope=one.scope, place=one.id, operation=work.id
            )
        )
        return None


def place_folder(repository: Repository, settings: WorkSettings) -> Path:
    """Return where work places lie: beside the repository, unless it is configured."""
    common = repository.common_dir
    main = common.parent if common.name == ".git" else common
    if settings.folder is not None:
        return Path(os.path.normpath(main / settings.folder))
    return main.with_name(f"{main.name.removesuffix('.git')}.guild")


def _no_room(top: Path, one: Workplace) -> CannotStart | None:
    """Say which branch lies where a folder of branches would have to be."""
    for name in (PREFIX.rstrip("/"), one.branch.rpartition("/")[0]):
        if read_ref(top, name) is not None:
            short = name.removeprefix("refs/heads/")
            return CannotStart(one.name, f"there is a branch {short!r}, where git needs a folder")
    return None


def _check_order(order: Order) -> None:
    problem = problem_with(order.task)
    if problem is not None:
        raise CannotStart(repr(order.task), f"the task's name {problem}")
    if order.here and len(order.scopes) != 1:
        raise CannotStart(order.task, "without a work tree, it is for one scope")


def _check_trust(repository: Repository, path: Path, settings: WorkSettings) -> None:
    """Refuse a command that is not trusted; what counts is what the work place itself has."""
    source = find_source(DiskTree(path, ()))
    if source is None or not is_trusted(repository.common_dir, source, os.environ):
        raise NotTrusted("workplaces.setup", settings.setup)


def _abandoned(begun: WorkplaceBegun, at: float, error: BaseException) -> WorkplaceAbandoned:
    reason = error.slug if isinstance(error, GuildError) else type(error).__name__
    return WorkplaceAbandoned(
        id=f"{begun.place}-abandoned",
        at=at,
        cause=begun.id,
        scope=begun.scope,
        place=begun.place,
        operation=begun.operation,
        reason=reason,
    )
