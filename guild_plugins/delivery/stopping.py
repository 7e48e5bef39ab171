"""Stopping work places: only what is clean, merged and ours is removed.

The rest is kept, and named with the reason; or, if that is asked for, backed up under
``refs/guild/backup/`` and removed then. That it is removed is noted first, with what
it held; the last look at it is after it was moved out of the way (`removing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.copies import unchanged_copies
from guild_plugins.delivery.landing.trail import landed_of
from guild_plugins.delivery.leftovers import left_of, sweep
from guild_plugins.delivery.operation import Operation, operation
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.removing import admin_of, changed_copy
from guild_plugins.delivery.settling import backup_of, end_stop, settle
from guild_plugins.delivery.workplaces import NoSuchWorkplace, Workplace, Workplaces, is_alive
from guild_plugins.git.contents import Contents, read_contents, write_backup
from guild_plugins.git.pending import InProgress, refuse_in_progress
from guild_plugins.git.refs import move_ref, read_ref
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.snapshots import tree_id
from guild_plugins.git.worktrees import flaw_of, is_merged
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.events import WorkplaceKept, WorkplaceStopping, fresh_id


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of a work place.

    :param kept: Why it was not removed; ``None`` if it was.
    :param backup: The reference that keeps what was in it, where that was not merged.
    :param left: What could not be deleted of it, such as files of another user.
    """

    place: Workplace
    kept: str | None
    backup: str | None = None
    left: Path | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be stopped, and how.

    :param scopes: Of the task; none for all.
    :param onto: Where the work has to be merged; ``None`` for what each was begun from.
    :param backs_up: Remove what is not merged or not clean as well, and keep it in a reference.
    :param dry_run: Only say what would become of each.
    """

    task: str
    scopes: Sequence[ScopeId] = ()
    onto: str | None = None
    backs_up: bool = False
    dry_run: bool = False


def stop(repository: Repository, wish: Wish) -> Iterator[Stopped]:
    """Remove work places, as far as they may be, and yield what became of each.

    Of those that are removed already, what could not be deleted then is deleted.

    :raises NoSuchWorkplace: There is none such.
    :raises GateBusy: Others kept making or removing work places for minutes.
    """
    leases = Leases(Journal(place_in(repository.common_dir)))
    places = Workplaces(leases.journal)
    known = places.all()
    is_known = any(one.task == wish.task for one in known)
    if not is_known and not wish.dry_run and sweep(repository, places, wish.task):
        return
    chosen = _chosen(known, wish)
    if any(_is_inside(repository.top, one) and one.git_dir is None for one in chosen):
        repository = main_work_tree(repository)  # where we are may be gone soon
    recover(repository, leases.journal)
    for one in chosen:
        with turn(places.turn):
            settle(repository, leases)
            if one.id in {other.id for other in places.all()}:
                yield _Stop(repository, leases, places, wish, one).carry_out()
            else:
                yield Stopped(one, None)


def _chosen(places: Sequence[Workplace], wish: Wish) -> list[Workplace]:
    found = [
        one
        for one in places
        if one.task == wish.task and (not wish.scopes or one.scope in wish.scopes)
    ]
    missing = set(wish.scopes) - {one.scope for one in found}
    if missing or not found:
        raise NoSuchWorkplace("/".join((wish.task, *sorted(missing)[:1])))
    return found


@dataclass(frozen=True)
class _Stop:
    """Stopping one work place."""

    repository: Repository
    leases: Leases
    places: Workplaces
    wish: Wish
    one: Workplace

    def carry_out(self) -> Stopped:
        """Judge it, and remove it if that may be."""
        with operation(self.leases) as work:
            reason = self._unusable()
            if reason is not None:
                return Stopped(self.one, reason)
            own = find_repository(Path(self.one.path))
            git_dir = own.git_dir if own is not None else self.repository.git_dir
            tip = read_ref(Path(self.one.path), "HEAD") or self.one.base
            apart = unchanged_copies(self.one, Path(self.one.path))
            held = read_contents(git_dir, Path(self.one.path), work.folder, apart)
            reason = held.odd or self._not_done(held, tip)
            can_help = self.wish.backs_up and held.odd is None and self.one.git_dir is None
            if reason is not None and not can_help:
                return Stopped(self.one, reason)
            if self.wish.dry_run:
                return Stopped(self.one, None, backup_of(self.one) if reason else None)
            if reason is not None:
                self._back_up(held, tip, work)
            return self._remove(held, tip, work)

    def _unusable(self) -> str | None:
        """Say why it cannot even be looked at, or is somebody's at the moment."""
        if is_alive(self.leases.place, self.one):
            return "it is being set up"
        path = Path(self.one.path)
        flaw = flaw_of(self.repository, path, self.one.branch)
        if flaw is not None:
            return f"{flaw}; guild doctor says more"
        admin = admin_of(self.repository, self.one) if self.one.git_dir is None else None
        if admin is not None and admin.reason not in (None, self.one.reason):
            return f"its work tree is locked: {admin.reason}"
        if admin is not None and (admin.folder / "modules").exists():
            return "it has submodules of its own"
        try:
            refuse_in_progress(admin.folder if admin is not None else self.repository.git_dir)
        except InProgress as error:
            return f"it is in the middle of {error.what}"
        held = [one for one in self.leases.facts().leases if _is_from(one.holder.name, self.one)]
        return f"a lease is held there ({held[0].id})" if held else None

    def _not_done(self, held: Contents, tip: str) -> str | None:
        """Say what would be lost."""
        if not tree_id(self.repository, tip) == held.files == held.staged:
            return "it has changes that are not committed"
        copy = changed_copy(self.one, Path(self.one.path))
        if copy is not None:
            return copy
        onto = self.wish.onto or self.one.onto
        target = read_ref(self.repository.top, onto)
        if target is None:
            return f"{onto} is gone, which it was begun from; name another with --onto"
        if not is_merged(self.repository.top, tip, target) and not self._landed(tip, target):
            return f"it is not merged into {onto.removeprefix('refs/heads/')}"
        return None

    def _landed(self, tip: str, target: str) -> bool:
        """Say whether all of a branch was landed: what came after may have changed it again."""
        found = landed_of(self.repository.top, tip, target)
        return found is not None and found[1] == 0

    def _back_up(self, held: Contents, tip: str, work: Operation) -> None:
        top = self.repository.top
        new = tip
        if tree_id(self.repository, tip) != held.files or held.files != held.staged:
            new = write_backup(top, held, tip, f"guild stop {self.one.name}")
        name = backup_of(self.one)
        old = read_ref(top, name)
        inherit = (work.pulse.handle,)
        move_ref(top, name, new=new, old=old, message="guild stop", inherit=inherit)

    def _remove(self, held: Contents, tip: str, work: Operation) -> Stopped:
        stopping = WorkplaceStopping(
            id=fresh_id(),
            at=here.now().wall,
            scope=self.one.scope,
            place=self.one.id,
            operation=work.id,
            tip=tip,
            tree=held.files,
            staged=held.staged,
        )
        self.places.record(stopping)
        (one,) = (one for one in self.places.all() if one.id == self.one.id)
        event = end_stop(self.repository, self.leases.place, one, work)
        self.places.record(event)
        kept = event.reason if isinstance(event, WorkplaceKept) else None
        backup = backup_of(one) if read_ref(self.repository.common_dir, backup_of(one)) else None
        left = left_of(self.places, one) if kept is None else None
        return Stopped(one, kept, backup, left)


def _is_from(holder: str, one: Workplace) -> bool:
    """Say whether a holder's name is one that is given to whoever works in a work place."""
    return holder == one.name or holder.endswith(f":{one.path}")


def main_work_tree(repository: Repository) -> Repository:
    """Return the repository as seen from its first work tree, or from itself if it is bare."""
    common = repository.common_dir
    if common.name == ".git":
        return Repository(common.parent, common, common)
    return Repository(common, common, common)


def _is_inside(folder: Path, one: Workplace) -> bool:
    return folder.is_relative_to(one.path)
