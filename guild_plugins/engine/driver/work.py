"""What a unit is to a worker: steps, and how each of them ended. Plain values and ports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from guild_plugins.stages.runs import MEGABYTE, RunEvent, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What all processes of one step may use together.

    :param cpu: Seconds of processor time; ``None`` for no limit.
    :param output: Bytes that they may print.
    """

    seconds: float | None = None
    cpu: float | None = None
    memory: int | None = None
    output: int = 256 * MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run in a process group of its own.

    :param log: What it prints is added to this file.
    """

    words: tuple[str, ...]
    directory: Path
    environ: Mapping[str, str]
    log: Path
    caps: Caps = Caps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function to call in a warm process: it gets bytes, and returns bytes.

    :param function: As ``package.module:function``.
    :param is_brief: It only computes: of such no more run at once than there are cores.
    """

    function: str
    payload: bytes
    log: Path
    caps: Caps = Caps()
    is_brief: bool = False


Step: TypeAlias = Command | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a step ended.

    :param code: Its exit code, negative for a signal; 0 for a call that returned.
    :param value: What a call returned; ``None`` for a command.
    :param broke: Which limit it broke, or why it could not begin; empty otherwise.
    :param is_lost: Its process went away without being asked to.
    :param cpu: Seconds for which it had or wanted a core; ``None`` where nobody measured.
    """

    code: int = 0
    value: bytes | None = None
    broke: str = ""
    is_lost: bool = False
    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A unit's work is done.

    :param result: As JSON.
    :param adds: Units that follow from it.
    """

    result: str = "{}"
    adds: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A unit's work came to nothing (see `UnitFailed`)."""

    kind: Literal["objected", "broke", "refused"]
    reason: str
    result: str = "{}"


Work: TypeAlias = Generator[Step, Ended, Passed | Failed]
"""What is to be done for a unit: yields steps, is told how each ended, returns a verdict.

A step whose process was lost is the last: the unit is then begun anew.
"""


class Shop(Protocol):
    """Knows what units are about. Its methods are quick, and called in the coordinator."""

    def note(self, event: RunEvent) -> None:
        """Hear of a fact: all of them, in order, those of an earlier process first."""

    def work(self, unit: Unit, attempt: int) -> Work:
        """Begin one attempt of a unit."""


Began: TypeAlias = Callable[[int, int], None]
"""Told the process group's leader and its start time, once a step runs."""


@dataclass(slots=True)
class Usage:
    """What a step's processes were last seen to use.

    :param cpu: Seconds of processor time so far.
    :param wanted: Seconds for which they had or wanted a core, summed: on a machine that
        is busy that is more, and it is what they need.
    :param memory: Bytes now; ``peak`` at most.
    """

    cpu: float = 0.0
    wanted: float = 0.0
    memory: int = 0
    peak: int = 0

    @property
    def need(self) -> float:
        """Seconds of a core that they would have used, had there been enough."""
        return max(self.cpu, self.wanted)


@dataclass(slots=True)
class Spent:
    """What the steps of one attempt used together; ``None`` where nobody measured."""

    cpu: float | None = None
    memory: int | None = None

    def add(self, ended: Ended) -> None:
        """Count one more step."""
        if ended.cpu is not None:
            self.cpu = (self.cpu or 0.0) + ended.cpu
        if ended.memory is not None:
            self.memory = max(self.memory or 0, ended.memory)


class Hands(Protocol):
    """Carries steps out. Cancelling `carry_out` ends all its processes."""

    def carry_out(self, step: Step, began: Began, usage: Usage) -> Awaitable[Ended]:
        """Do one step and say how it ended."""

    async def close(self) -> None:
        """End whatever is left."""


@dataclass(slots=True)
class Ticket:
    """One attempt in the coordinator."""

    unit: Unit
    attempt: int
    worker: str
    since: float
    usage: Usage = field(default_factory=Usage)
    told: float = 0.0
    """When its use was last told."""

    @property
    def key(self) -> tuple[str, int]:
        """The unit's id and the attempt."""
        return self.unit.id, self.attempt
