"""What is said between a scheduler and whoever carries its decisions out.

Units go in once; events (past tense) tell what workers did; instructions
(imperative) tell what to do next. All are values: they can be compared, kept in
a journal and replayed. Time is in them, in seconds on any one clock.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A file of tests, or files that must be collected together.

    :param scope: Whom it belongs to. A worker stays in a scope while it can, so
        that fixtures and imports are used again.
    :param pool: The environment that can run it. A worker belongs to one.
    :param seconds: What it is expected to cost, where that is known.
    :param size: Its bytes, from which an unknown cost is estimated.
    :param priority: Lower is sooner.
    :param exclusive: While it runs, no other worker may run anything.
    :param divisible: Whether some of its tests may run in another worker.
    :param visits: What a worker is in while it runs this, outermost first, and should not
        enter a second time: leaving it tears down what was set up for the whole visit.
    """

    id: int
    scope: str
    pool: str = ""
    seconds: float | None = None
    size: int = 0
    priority: int = 0
    exclusive: bool = False
    divisible: bool = True
    visits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit, or the part of it that was taken from a worker.

    A worker may hold two pieces of one unit (what it gave away can come back),
    so everything said about work names the piece.

    :param id: The unit's own id for the whole of it, a fresh number for a part.
    :param seconds: What it is expected to cost.
    :param payload: Which tests; None means all. Opaque here.
    :param again: Whether its tests were collected before, in another worker.
    """

    id: int
    unit: Unit
    seconds: float
    payload: Hashable | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is to be run again of a piece that was open in a lost worker."""

    piece: int
    count: int
    payload: Hashable


# -- events --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker that was asked for is up and holds nothing."""

    worker: str
    pool: str
    at: float


@dataclass(frozen=True, slots=True)
class StartFailed:
    """A worker that was asked for will not come.

    It is asked for again as long as there is work for it: whoever starts workers
    decides when to give up, and then says `PoolCancelled`.
    """

    pool: str
    at: float


@dataclass(frozen=True, slots=True)
class UnitOpened:
    """A piece was collected; so many tests of it now wait in the worker.

    :param unread: How many more it seems to have, which are not collected yet.
    """

    worker: str
    piece: int
    tests: int
    at: float
    unread: int = 0


@dataclass(frozen=True, slots=True)
class UnitGrew:
    """So many more tests of an open piece were collected.

    :param unread: How many it still seems to have beyond them.
    """

    worker: str
    piece: int
    tests: int
    at: float
    unread: int = 0


@dataclass(frozen=True, slots=True)
class TestsFinished:
    """So many more tests of a piece ended."""

    __test__ = False

    worker: str
    piece: int
    count: int
    at: float


@dataclass(frozen=True, slots=True)
class UnitClosed:
    """Every test of the piece that stayed with this worker ended.

    Said of an unopened piece, it means that the worker was told to forget it.
    """

    worker: str
    piece: int
    at: float


@dataclass(frozen=True, slots=True)
class WorkerHungry:
    """A worker stands before its last test, or holds nothing, and waits for word."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class UnitReturned:
    """Answer to `Recall`: the piece was not opened and is the scheduler's again."""

    worker: str
    piece: int
    at: float


@dataclass(frozen=True, slots=True)
class TestsReturned:
    """Answer to `Divide`: the worker gave up these tests.

    A count of 0 is a refusal, and the answer to a `Recall` that came too late.

    :param unread: Whether they were not collected yet; the count is an estimate then.
    """

    __test__ = False

    worker: str
    piece: int
    count: int
    tests: Hashable
    at: float
    unread: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker died.

    Pieces that it had not opened are queued again, in front.

    :param remaining: What to run again of the pieces that were open. An open
        piece that is not named here is done with.
    :param dropped: Unopened pieces that are not to be tried again, such as the
        file whose import killed the worker.
    """

    worker: str
    at: float
    remaining: tuple[Remainder, ...] = ()
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerStopped:
    """A worker ended in order; its slot is free."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class WorkersSampled:
    """Of so many busy workers, so many would have used a core at this moment.

    The others slept: they waited for a clock, a disk, a network or a process.
    """

    busy: int
    runnable: int
    at: float


@dataclass(frozen=True, slots=True)
class ScopeCancelled:
    """Nothing more of this scope is to be opened."""

    scope: str
    at: float


@dataclass(frozen=True, slots=True)
class PoolCancelled:
    """No worker of this pool can be had; nothing more of it is to be opened."""

    pool: str
    at: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nothing more is to be opened at all."""

    at: float


Event = (
    WorkerReady
    | StartFailed
    | UnitOpened
    | UnitGrew
    | TestsFinished
    | UnitClosed
    | WorkerHungry
    | UnitReturned
    | TestsReturned
    | WorkerLost
    | WorkerStopped
    | WorkersSampled
    | ScopeCancelled
    | PoolCancelled
    | Cancelled
)


# -- instructions --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start one worker; answered by `WorkerReady` or `StartFailed`."""

    pool: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Queue the piece in the worker, behind what it holds."""

    worker: str
    piece: Piece


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask for an unopened piece; `UnitReturned`, or `TestsReturned` with nothing."""

    worker: str
    piece: int


@dataclass(frozen=True, slots=True)
class Divide:
    """Ask for half of the waiting tests of an open piece; see `TestsReturned`.

    :param unread: Ask for some that are not collected yet.
    """

    worker: str
    piece: int
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """No more work will come: let the worker finish what it holds and end."""

    worker: str


@dataclass(frozen=True, slots=True)
class Drop:
    """These pieces, or what was left of them, will not run."""

    pieces: tuple[Piece, ...]


Instruction = StartWorker | Assign | Recall | Divide | Release | Drop


class IllegalEventError(Exception):
    """An event that cannot follow the ones before it; a bug in whoever sent it."""

    def __init__(self, event: Event, reason: str, story: tuple[Event, ...]) -> None:
        super().__init__(event, reason, story)  # args rebuild it in another process
        self.event, self.reason, self.story = event, reason, story

    def __str__(self) -> str:
        lines = [f"{self.event} is impossible: {self.reason}. The events before it:"]
        return "\n  ".join([*lines, *map(str, self.story)])
