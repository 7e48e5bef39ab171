"""What the core asks for. Doing any of it twice is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from guild_plugins.stages.runs import Unit


@dataclass(frozen=True, slots=True)
class Start:
    """Let a worker begin a unit."""

    unit: Unit
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End an attempt, whatever it has done; its end is to be told like any other."""

    unit: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Hire:
    """Bring in more workers; each that comes is to be told."""

    count: int


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Let a worker go that has nothing to do; it is gone for the core already."""

    worker: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Tell when it is as late as this; an earlier wish is still to be kept."""

    at: float


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to do, or, after a cancellation, nothing runs any more."""

    passed: int
    failed: int
    left_out: int
    is_complete: bool


Instruction: TypeAlias = Start | Stop | Hire | Dismiss | Wake | End
