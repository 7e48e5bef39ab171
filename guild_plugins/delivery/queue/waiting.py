"""The list of branches that wait to be landed: kept in the journal, for all who land.

What was refused stays in the list, and is not tried again before its branch has moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.git.refs import read_ref
from guild_plugins.stages.events import Event, LandingRefused, QueueChanged, fresh_id

What = Literal["added", "removed", "ordered", "paused", "resumed"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One branch in the list.

    :param branch: Its full name.
    :param refused: Why it was left the last time, where it is still where it was then.
    """

    branch: str
    tip: str | None
    refused: str | None


@dataclass
class Listed:
    """What the events so far give. Pure."""

    branches: list[str] = field(default_factory=list)
    is_paused: bool = False
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The tip and the kind of each branch that was left last."""

    def apply(self, event: Event) -> None:
        """Apply one event; one about a branch that is not there changes nothing."""
        match event:
            case LandingRefused():
                self.refused[event.branch] = event.tip, event.kind
            case QueueChanged(what="added", branch=branch):
                self.refused.pop(branch, None)
                if branch not in self.branches:
                    self.branches.append(branch)
            case QueueChanged(what="removed", branch=branch):
                self.branches = [one for one in self.branches if one != branch]
            case QueueChanged(what="ordered", branch=branch, place=place):
                if branch in self.branches:
                    self.branches.remove(branch)
                    self.branches.insert(max(0, place), branch)
            case QueueChanged(what=what):
                self.is_paused = what == "paused"


class WaitingList:
    """The list of one repository."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @property
    def is_paused(self) -> bool:
        """Whether nothing of it is to be landed at the moment."""
        return self._listed().is_paused

    def all(self) -> list[Waiting]:
        """Return the branches in their order."""
        listed, found = self._listed(), []
        for branch in listed.branches:
            tip = read_ref(self._journal.place.folder.parent, branch)
            last, kind = listed.refused.get(branch, ("", ""))
            found.append(Waiting(branch, tip, kind if tip is not None and tip == last else None))
        return found

    def ready(self) -> list[Waiting]:
        """Return those that are to be tried; none while the list is paused."""
        if self.is_paused:
            return []
        return [one for one in self.all() if one.tip is not None and one.refused is None]

    def add(self, branches: Iterable[str]) -> None:
        """Add branches at the end; one that is there stays, and is tried again."""
        self._note(*(_change("added", branch) for branch in branches))

    def remove(self, *branches: str) -> None:
        """Take branches out."""
        self._note(*(_change("removed", branch) for branch in branches))

    def order(self, branch: str, place: int) -> None:
        """Move a branch to a place."""
        self._note(_change("ordered", branch, place))

    def pause(self, *, paused: bool) -> None:
        """Land nothing of it until it is resumed, or go on."""
        self._note(_change("paused" if paused else "resumed"))

    def _listed(self) -> Listed:
        listed = Listed()
        for line in self._journal.lines(types=["QueueChanged", "LandingRefused"]):
            if line.event is not None:
                listed.apply(line.event)
        return listed

    def _note(self, *events: QueueChanged) -> None:
        if events:
            self._journal.append(*events)


def _change(what: What, branch: str = "", place: int = 0) -> QueueChanged:
    return QueueChanged(id=fresh_id(), at=here.now().wall, what=what, branch=branch, place=place)
