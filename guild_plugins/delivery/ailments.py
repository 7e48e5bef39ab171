"""What is wrong with work places, for the doctor: half-made, half-removed, lost or broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.turns import turn
from guild_plugins.delivery.furnishing import clear_folder
from guild_plugins.delivery.leftovers import leftovers
from guild_plugins.delivery.operation import operation
from guild_plugins.delivery.removing import admin_of, drop_admin
from guild_plugins.delivery.settling import settle, unsettled
from guild_plugins.delivery.workplaces import Workplace, Workplaces, is_alive
from guild_plugins.git.repository import Repository
from guild_plugins.git.worktrees import flaw_of
from guild_plugins.stages.events import WorkplaceAbandoned


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is not as it should be.

    :param repair: What sets it right; ``None`` where only a person can.
    """

    kind: str
    text: str
    repair: Callable[[], object] | None = None


def examine_workplaces(repository: Repository, leases: Leases) -> Iterator[Ailment]:
    """Yield what is wrong with work places. Changes nothing."""
    places = Workplaces(leases.journal)
    if not places.agrees():
        text = "the table of work places is not what its events give"
        yield Ailment("workplace-drift", text, places.rebuild)
    for one in unsettled(leases):
        kind, word = ("half-made", "made") if one.state == "begun" else ("half-removed", "removed")
        text = f"the process that {word} {one.name} died before it was done ({one.path})"
        yield Ailment(kind, text, partial(_settle, repository, leases))
    yield from _left_files(repository, places)
    for one in places.all():
        if one.state == "made" and not is_alive(leases.place, one):
            yield from _flaws(repository, leases, one)


def _left_files(repository: Repository, places: Workplaces) -> Iterator[Ailment]:
    """Yield what could not be deleted of work places that were removed."""
    for path in leftovers(repository, places):
        text = f"a work place was removed, but not all of its files could be deleted ({path})"
        yield Ailment("left-files", text, partial(shutil.rmtree, path, ignore_errors=True))


def _flaws(repository: Repository, leases: Leases, one: Workplace) -> Iterator[Ailment]:
    path = Path(one.path)
    flaw = flaw_of(repository, path, one.branch)
    if flaw is None:
        return
    if one.git_dir is None and not path.exists():
        text = f"the work tree of {one.name} is gone ({path}); its branch stays"
        yield Ailment("lost-tree", text, partial(_forget, repository, leases, one))
    else:
        yield Ailment("broken-tree", f"{one.name} cannot be used: {flaw}")


def _settle(repository: Repository, leases: Leases) -> None:
    with turn(Workplaces(leases.journal).turn):
        settle(repository, leases)


def _forget(repository: Repository, leases: Leases, one: Workplace) -> None:
    """Forget a work place whose work tree somebody deleted; its branch is left alone."""
    places = Workplaces(leases.journal)
    with turn(places.turn), operation(leases) as work:
        if Path(one.path).exists() or one not in places.all():
            return  # it came back, or somebody else was here
        drop_admin(repository, one, admin_of(repository, one), work.folder)
        clear_folder(leases.place, one)
        places.record(
            WorkplaceAbandoned(
                id=f"{one.id}-abandoned",
                at=here.now().wall,
                scope=one.scope,
                place=one.id,
                operation=work.id,
                reason="its work tree was deleted",
            )
        )
