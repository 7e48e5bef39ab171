"""What there is: every work place, and branches that look like one, with their state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.table import Lease
from guild_plugins.delivery.copies import unchanged_copies
from guild_plugins.delivery.furnishing import folder_of
from guild_plugins.delivery.landing.trail import landed_of
from guild_plugins.delivery.names import PREFIX, scope_of_branch, task_of_branch
from guild_plugins.delivery.workplaces import KINDS, Workplace, Workplaces, is_alive
from guild_plugins.git.process import GitFailed
from guild_plugins.git.refs import branches_below, read_head
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.worktrees import checked_out, dirty_paths, distance, flaw_of
from guild_plugins.stages.events import CommitMade, Event, ReferenceMoved, WorkplaceEvent


@dataclass(frozen=True, slots=True)
class Row:
    """One task and scope.

    :param path: The work tree; ``None`` where the branch is checked out nowhere.
    :param state: ``ready``, ``made`` (not set up), ``begun``, ``stopping``, ``broken``, or
        ``branch`` for one that was not begun with ``guild start``.
    :param onto: What it is compared with.
    :param ahead: Commits that it has and ``onto`` has not; ``None`` where nobody can tell.
    :param landed: The commit on ``onto`` that it became, where it landed; ``ahead`` is what it
        has made since.
    :param dirty: Paths that differ from its last commit; ``None`` where nobody can tell.
    :param leases: Who holds what of it: ``NAME: CLAIM``.
    :param last: The last event, and when it was, in seconds since 1970.
    """

    task: str
    scope: str
    branch: str
    path: str | None
    state: str
    onto: str | None
    ahead: int | None
    behind: int | None
    dirty: tuple[str, ...] | None
    leases: tuple[str, ...]
    last: tuple[str, float] | None
    env_file: str | None
    flaw: str | None = None
    landed: str | None = None


def survey(repository: Repository) -> list[Row]:
    """Return all tasks and scopes that are worked on. Changes nothing."""
    leases = Leases(Journal(place_in(repository.common_dir)))
    places = Workplaces(leases.journal).all()
    held = leases.facts().leases
    last = _last_events(leases.journal, places)
    known = {one.branch for one in places}
    rows = [_row(repository, leases, one, held, last) for one in places]
    rows += _others(repository, known, held, last)
    return sorted(rows, key=lambda row: (row.task, row.scope))


def _row(
    repository: Repository,
    leases: Leases,
    one: Workplace,
    held: Iterable[Lease],
    last: Mapping[str, Event],
) -> Row:
    path = Path(one.path)
    flaw = flaw_of(repository, path, one.branch) if one.state == "made" else None
    counts = distance(repository.common_dir, one.onto, one.branch)
    landed = None
    if counts is not None and counts[0] and counts[1]:
        landed = landed_of(repository.common_dir, one.branch, one.onto)
    return Row(
        task=one.task,
        scope=one.scope,
        branch=one.branch,
        path=one.path,
        state=_state(leases, one, flaw),
        onto=one.onto,
        ahead=landed[1] if landed else counts[0] if counts else None,
        behind=counts[1] if counts else None,
        dirty=_dirty(path, one) if flaw is None and one.state == "made" else None,
        leases=tuple(_held(held, one.scope, (one.name, f":{one.path}"))),
        last=_told(last.get(one.branch)),
        env_file=str(folder_of(leases.place, one) / "env.sh"),
        flaw=flaw,
        landed=landed[0].commit if landed else None,
    )


def _state(leases: Leases, one: Workplace, flaw: str | None) -> str:
    if flaw is not None:
        return "broken"
    if one.state == "made":
        return "ready" if one.is_ready else "made"
    return one.state if is_alive(leases.place, one) else "interrupted"


def _others(
    repository: Repository, known: set[str], held: Iterable[Lease], last: Mapping[str, Event]
) -> Iterator[Row]:
    """Yield the branches that are named like a work place's, and are none."""
    trees = checked_out(repository.common_dir)
    for branch in branches_below(repository.common_dir, PREFIX):
        task, scope = task_of_branch(branch), scope_of_branch(branch)
        if branch in known or task is None or scope is None:
            continue
        path = trees.get(branch) or _in_main(repository, branch)
        yield Row(
            task=task,
            scope=scope,
            branch=branch,
            path=str(path) if path else None,
            state="branch",
            onto=None,
            ahead=None,
            behind=None,
            dirty=_dirty(path) if path else None,
            leases=tuple(_held(held, scope, (f":{path}",))),
            last=_told(last.get(branch)),
            env_file=None,
        )


def _in_main(repository: Repository, branch: str) -> Path | None:
    main = find_repository(repository.common_dir.parent)
    if main is None or main.common_dir != repository.common_dir:
        return None
    return main.top if read_head(main.top).branch == branch else None


def _dirty(path: Path, one: Workplace | None = None) -> tuple[str, ...] | None:
    found = find_repository(path)
    apart = unchanged_copies(one, path) if one is not None else ()
    try:
        return tuple(dirty_paths(path, found, apart)) if found is not None else None
    except GitFailed:
        return None


def _held(leases: Iterable[Lease], scope: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the leases on a scope, and those that are held in its work place."""
    for lease in leases:
        holder = lease.holder.name
        is_here = any(holder == name or holder.endswith(name) for name in names)
        if is_here or any(claim.scope == scope for claim in lease.claims):
            yield f"{holder}: {', '.join(map(str, lease.claims))}"


def _last_events(journal: Journal, places: Iterable[Workplace]) -> dict[str, Event]:
    """Return the last event of each branch."""
    branches = {one.id: one.branch for one in places}
    found: dict[str, Event] = {}
    for line in journal.lines(types=[*KINDS, "ReferenceMoved", "CommitMade"]):
        match event := line.event:
            case WorkplaceEvent() if event.place in branches:
                found[branches[event.place]] = event
            case ReferenceMoved():
                found[event.reference] = event
            case CommitMade(branch=str(branch)):
                found[branch] = event
    return found


def _told(event: Event | None) -> tuple[str, float] | None:
    return (type(event).__name__, event.at) if event is not None else None
