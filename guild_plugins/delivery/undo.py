"""Taking back the last move that Guild made of the branch that is checked out.

The journal is the log of operations: moves of a reference, in order, and those that
took one back. Nothing is lost: the commits stay under ``refs/guild/backup/``, and the
index and the work tree are not touched, so that what was committed is staged again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.operation import Move, operation, publish
from guild_plugins.delivery.recovery import recover
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.pending import refuse_in_progress
from guild_plugins.git.refs import RefMoved, move_ref, read_head
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import Event, ReferenceMoved

BACKUP = "refs/guild/backup/"


class NothingToUndo(GuildError):
    """Guild has made no move of this branch that is not taken back already."""

    slug = "nothing-to-undo"

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference

    def __str__(self) -> str:
        return f"No move of {self.reference} by Guild is left to take back."


class FirstCommit(GuildError):
    """The branch began with this move."""

    slug = "first-commit"
    exit = Exit.UNSUPPORTED
    remedy = "git update-ref -d HEAD takes a branch back to before its first commit."

    def __str__(self) -> str:
        return "The branch began with this commit; it is not taken back."


def undo(repository: Repository) -> ReferenceMoved:
    """Take the last move of the branch back, and return it.

    :raises NothingToUndo: There is none.
    :raises RefMoved: Somebody has moved the branch since.
    """
    leases = Leases(Journal(place_in(repository.common_dir)))
    recover(repository, leases.journal)
    refuse_in_progress(repository.git_dir)
    head = read_head(repository.top)
    with leases.journal.reading() as transaction:
        events = list(transaction.events(["ReferenceMoved"])) if transaction is not None else []
    last = last_move(events, head.reference, str(repository.git_dir))
    if last is None:
        raise NothingToUndo(head.reference)
    if head.commit != last.new:
        raise RefMoved(head.reference, last.new, head.commit)
    if last.old is None:
        raise FirstCommit
    backup = f"{BACKUP}{last.new[:16]}"
    move_ref(repository.top, backup, new=last.new, old=None, message="guild undo")
    holder = for_command(name_here(repository.top, os.environ), os.environ)
    back = Move("undo", head.reference, last.new, last.old, f"guild undo: back to {last.old[:10]}")
    with operation(leases) as work:
        shown = shown_leases(os.environ)
        publish(repository, leases, work, back, holder=holder, claims=(), shown=shown)
    return last


def last_move(events: Iterable[Event], reference: str, git_dir: str) -> ReferenceMoved | None:
    """Return the last move of a reference that was not taken back. Pure.

    :param git_dir: The work tree's own; ``HEAD`` is another one in each.
    """
    moves: list[ReferenceMoved] = []
    for event in events:
        if not isinstance(event, ReferenceMoved) or event.reference != reference:
            continue
        if reference == "HEAD" and event.git_dir != git_dir:
            continue
        if event.what != "undo":
            moves.append(event)
        elif moves and moves[-1].new == event.old:
            moves.pop()
    return moves[-1] if moves else None
