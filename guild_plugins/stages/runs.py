"""What happens in a run, and the units that it is made of.

A unit is one stage of one scope, or a join over all scopes. Units come with a run,
or with the finish of another unit (a plan brings what it plans). Every fact about a
unit names the attempt, since one may be told late, or twice.

`RUN_KINDS` is apart from `events.KINDS`: git hooks write events of leases, and
do not pay for these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from guild_plugins.stages.events import Event

MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A piece of work that is done as a whole, by one worker.

    :param after: Units that have to pass before.
    :param behind: Units that have to end before, however they end.
    :param hopes: Those of ``after`` that a worker with nothing else to do does not
        wait for, once they run. Where one fails, this unit is stopped without a trace.
    :param seconds: What it is expected to take.
    :param cpu: The part of a core that it is expected to keep busy.
    :param memory: Bytes that all its processes are expected to need together.
    :param width: As many units of its scope may run at once, this one among them.
    :param tries: Attempts that may fail; for a unit that others send back to, rounds.
    :param sends_back: The unit that is to be done again where this one objects.
    :param common: It is verification or a join: a share of the workers is kept for such.
    :param alone: Nothing else may run meanwhile.
    :param repeatable: Two copies of it may run at once, and the first to end counts.
    :param lasting: It has effects outside the run, and begins when all that led to it is
        durable.
    """

    id: str
    stage: str
    scope: str | None = None
    after: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    hopes: tuple[str, ...] = ()
    seconds: float = 1.0
    cpu: float = 1.0
    memory: int = 256 * MEGABYTE
    width: int = 3
    tries: int = 3
    sends_back: str | None = None
    common: bool = False
    alone: bool = False
    repeatable: bool = False
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use, and how long it waits.

    :param least: Workers that are kept even when idle.
    :param most: Workers that may be there at once.
    :param cores: Cores that the units' processes may keep busy together.
    :param memory: Bytes that they may have together.
    :param queue: Units of one stage that may wait for a worker; the stage before
        is held back when there are as many.
    :param share: The part of the workers that `Unit.common` units get first.
    :param idle: Seconds after which a worker that is not needed is let go.
    :param pause: Seconds before the second attempt; they double with each.
    :param longest_pause: Seconds that a pause is not longer than.
    :param straggler: Times its expected time after which a unit gets a second copy.
    """

    least: int
    most: int
    cores: float
    memory: int = 4096 * MEGABYTE
    queue: int = 64
    share: float = 0.2
    idle: float = 30.0
    pause: float = 1.0
    longest_pause: float = 60.0
    straggler: float = 3.0


# -- facts ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """A fact about one run."""

    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(RunEvent):
    """A run began.

    :param task: What shall be done, in the user's words.
    :param name: The task as a part of branch names.
    :param base: The commit that it begins at.
    :param command: What is run in each scope; empty where plugins do the work.
    :param settings: How the run was asked for, as JSON: what a later process needs to resume.
    """

    task: str
    name: str
    base: str
    command: tuple[str, ...]
    limits: Limits
    units: tuple[Unit, ...]
    settings: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStarted(RunEvent):
    """A worker began a unit.

    :param pid: The leader of its process group; 0 where it runs elsewhere.
    :param since: When that process started, in the system's unit.
    """

    unit: str
    attempt: int
    worker: str
    pid: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMeasured(RunEvent):
    """What a running unit's processes use.

    :param cpu: Cores that they kept busy or waited for, on average.
    :param memory: Bytes that they have together.
    """

    unit: str
    attempt: int
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFinished(RunEvent):
    """A unit passed, or there was nothing to do.

    :param cpu: Seconds for which it had or wanted a core; ``None`` where nobody measured.
    :param memory: Bytes at the peak.
    :param result: What it gave, as JSON.
    :param adds: Units that follow from it.
    """

    unit: str
    attempt: int
    cpu: float | None = None
    memory: int | None = None
    result: str = "{}"
    adds: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFailed(RunEvent):
    """A unit ended with nothing to build on.

    :param kind: ``objected``: it judged, and said no. ``broke``: something went wrong,
        and may go right the next time. ``refused``: it will not go right however often
        it is tried.
    :param chance: From 0 to 1, so that not all try again at once.
    :param result: What is known about it, as JSON.
    """

    unit: str
    attempt: int
    kind: Literal["objected", "broke", "refused"]
    reason: str
    chance: float
    cpu: float | None = None
    memory: int | None = None
    result: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLost(RunEvent):
    """A unit did not end by itself: it was stopped, or its worker was lost."""

    unit: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJoined(RunEvent):
    """A worker is there, and free."""

    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLeft(RunEvent):
    """A worker is gone, with what it was doing."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTicked(RunEvent):
    """It is as late as somebody asked to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(RunEvent):
    """The run is to stop where it is; it can be resumed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(RunEvent):
    """Another process goes on with the run: the workers of the one before are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(RunEvent):
    """Every unit has ended."""

    passed: int
    failed: int
    left_out: int


RUN_KINDS: Final[Mapping[str, type[RunEvent]]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            RunStarted,
            UnitStarted,
            UnitMeasured,
            UnitFinished,
            UnitFailed,
            UnitLost,
            WorkerJoined,
            WorkerLeft,
            ClockTicked,
            RunCancelled,
            RunResumed,
            RunEnded,
        )
    }
)
