"""What the scheduler believes about one worker, and whom to ask for work.

Beliefs lag behind by a message. An answer may therefore be a refusal, and what
was refused once is not asked again: an opened piece cannot be recalled, and a
piece that had no half to give only shrinks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from guild_plugins.engine.messages import Divide, Piece, Recall

ROUND_TRIP: Final = 0.005
"""A piece that its holder opens sooner than this is not worth a recall."""

PRIOR_TESTS: Final = 4
"""The expected cost of a piece counts as much as this many tests that were seen."""

MANY_TESTS: Final = 16
"""A file that nobody has timed is worth waiting for while more tests than that are left."""

MayMove = Callable[[Piece], bool]
"""Whether a piece may be taken from its worker at all."""


@dataclass(slots=True)
class Opened:
    """A piece that was collected in a worker.

    :param tests: The tests that were collected in it.
    :param left: Those that have not ended there.
    :param since: When the worker came to it; infinity while it is still at another.
    :param unread: The tests that it seems to have beyond those.
    """

    piece: Piece
    tests: int
    left: int
    since: float
    unread: int = 0
    done: int = 0
    given: int = 0  # unread tests that went to other workers
    is_spent: bool = False  # refused to be divided

    @property
    def size(self) -> int:
        """How many tests it had, as far as one can tell."""
        return self.tests + self.unread + self.given

    def seconds_per_test(self, at: float, pace: float) -> float:
        """Return what a test costs: what was expected, corrected by what was seen."""
        expected = self.piece.seconds * pace / max(self.size, 1)
        seen = max(at - self.since, 0.0)
        return (PRIOR_TESTS * expected + seen) / (PRIOR_TESTS + self.done)


@dataclass(slots=True)
class Worker:
    """One worker.

    :param scope: The scope of the last piece that it was given.
    :param is_hungry: It waits, and will open the next piece as soon as it has one.
    :param asked: It owes an answer to a request on behalf of another worker.
    :param asks: The piece that was requested on its behalf.
    :param trail: The visits that it is in, once it comes to the last piece that it was given.
    :param entered: Visits, with how many of its pieces were in each.
    """

    name: str
    pool: str
    scope: str | None = None
    is_hungry: bool = False
    is_released: bool = False
    asked: bool = False
    asks: int | None = None
    unopened: dict[int, Piece] = field(default_factory=dict)
    opened: dict[int, Opened] = field(default_factory=dict)
    opening: set[int] = field(default_factory=set)  # refused to be recalled
    ahead: float = 0.0  # expected seconds of `unopened`
    trail: tuple[str, ...] = ()
    entered: Counter[str] = field(default_factory=Counter)

    def give(self, piece: Piece) -> None:
        """Add a piece to its queue."""
        self.unopened[piece.id] = piece
        self.ahead += piece.seconds
        self.trail = piece.unit.visits
        self.entered.update(self.trail)

    def take(self, piece: int) -> Piece:
        """Remove an unopened piece from its queue."""
        taken = self.unopened.pop(piece)
        self.opening.discard(piece)
        self.ahead = self.ahead - taken.seconds if self.unopened else 0.0
        return taken

    def take_back(self, piece: Piece) -> None:
        """Remove a piece that it never opened, as if it had not been given."""
        was_last = next(reversed(self.unopened)) == piece.id
        self.take(piece.id)
        self.entered.subtract(piece.unit.visits)
        if was_last:
            held = [*(opened.piece for opened in self.opened.values()), *self.unopened.values()]
            self.trail = held[-1].unit.visits if held else ()

    def may_enter(self, piece: Piece) -> bool:
        """Tell whether a piece leads it into no visit that it has left."""
        return all(v in self.trail or not self.entered[v] for v in piece.unit.visits)

    def busy_for(self, at: float, pace: float) -> float:
        """Return how long the opened pieces will still take it."""
        opened = self.opened.values()
        return sum((o.left + o.unread) * o.seconds_per_test(at, pace) for o in opened)

    def is_about_to_open(self, seconds: float, pace: float, may_move: MayMove) -> bool:
        """Tell whether half of what it is opening right now may take more than ``seconds``."""
        for piece in self.unopened.values():
            is_next = self.is_hungry or piece.id in self.opening
            is_worth = piece.unit.seconds is None or piece.seconds * pace / 2 > seconds
            return is_next and is_worth and piece.unit.divisible and may_move(piece)
        return False

    def may_prove_long(self, may_move: MayMove) -> bool:
        """Tell whether it is in a file that nobody has timed, with many tests left."""
        return any(
            opened.piece.unit.seconds is None
            and opened.left + opened.unread > MANY_TESTS
            and opened.piece.unit.divisible
            and may_move(opened.piece)
            for opened in self.opened.values()
        )


def recall_from(
    workers: Iterable[Worker], at: float, pace: float, may_move: MayMove
) -> Recall | None:
    """Choose the unopened piece that would have to wait longest where it is."""
    best, longest = None, ROUND_TRIP
    for worker in workers:
        if worker.is_hungry or not worker.unopened:
            continue
        piece = next(reversed(worker.unopened.values()))
        if piece.id in worker.opening or not may_move(piece):
            continue
        wait = worker.busy_for(at, pace) + (worker.ahead - piece.seconds) * pace
        if wait > longest:
            best, longest = Recall(worker.name, piece.id), wait
    return best


@dataclass(frozen=True, slots=True)
class Thrift:
    """What a division must bring, since its tests are collected a second time.

    :param collect: Seconds that it must save in any case.
    :param free: Tests that may be moved for no more than that.
    :param dear: Seconds that moving more tests must save.
    """

    collect: float
    free: int
    dear: float


def divide_from(
    workers: Iterable[Worker], at: float, pace: float, may_move: MayMove, thrift: Thrift
) -> Divide | None:
    """Choose the open piece whose later half is worth most, and enough.

    Tests that are not collected yet cost nothing to move but the import of their file.
    """
    best, most = None, thrift.collect
    for worker in workers:
        held = 2  # the tests that run now and next cannot be given away
        for opened in worker.opened.values():
            waiting = max(opened.left - held, 0)
            held = max(held - opened.left, 0)
            piece = opened.piece
            if not piece.unit.divisible or not may_move(piece):
                continue
            each = opened.seconds_per_test(at, pace)
            unread = min(opened.unread, (waiting + opened.unread + 1) // 2)
            if unread * each > most:
                best, most = Divide(worker.name, piece.id, unread=True), unread * each
                continue
            again = 0 if opened.is_spent else (waiting + 1) // 2
            worth = again * each
            if worth > most and (again <= thrift.free or worth > thrift.dear):
                best, most = Divide(worker.name, piece.id), worth
    return best
