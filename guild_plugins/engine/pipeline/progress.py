"""How far a unit is. The rules are a table.

WAITING   inputs are missing
READY     it may start as soon as a worker is free
RUNNING   a worker is at it (two, where a straggler got a copy)
HELD      it ended well on a guess: what it hoped for has not passed yet
DELAYED   it failed, and waits for its next attempt
PASSED, FAILED, LEFT_OUT   the end; LEFT_OUT where an input failed
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from guild_plugins.stages.runs import Unit


class State(StrEnum):
    """Where a unit is."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    HELD = "held"
    DELAYED = "delayed"
    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left-out"


class Signal(StrEnum):
    """What moves a unit on."""

    FREED = "all inputs are there"
    STARVED = "an input is to be made again"
    STARTED = "a worker began"
    FINISHED = "it ended well"
    GUESSED = "it ended well before an input did"
    TRIPPED = "it failed and may try again"
    FELL = "it failed for good"
    LOST = "it did not end by itself"
    DUE = "its pause is over"
    REPEATED = "it is to be done again"
    CUT_OFF = "an input failed"


TRANSITIONS: Final = {
    (State.WAITING, Signal.FREED): State.READY,
    (State.READY, Signal.STARVED): State.WAITING,
    (State.READY, Signal.STARTED): State.RUNNING,
    (State.WAITING, Signal.STARTED): State.RUNNING,  # on a guess
    (State.RUNNING, Signal.FINISHED): State.PASSED,
    (State.RUNNING, Signal.GUESSED): State.HELD,
    (State.HELD, Signal.FREED): State.PASSED,
    (State.RUNNING, Signal.TRIPPED): State.DELAYED,
    (State.RUNNING, Signal.FELL): State.FAILED,
    (State.RUNNING, Signal.LOST): State.WAITING,
    (State.DELAYED, Signal.DUE): State.WAITING,
    **{(state, Signal.REPEATED): State.WAITING for state in State},
    **{
        (state, Signal.CUT_OFF): State.LEFT_OUT
        for state in (State.WAITING, State.READY, State.RUNNING, State.HELD, State.DELAYED)
    },
}

ENDED: Final = frozenset({State.PASSED, State.FAILED, State.LEFT_OUT})


class IllegalTransition(Exception):
    """A unit cannot get there from where it is; nothing has changed. It is a bug."""

    def __init__(self, unit: str, state: State, signal: Signal) -> None:
        super().__init__(unit, state, signal)
        self.unit, self.state, self.signal = unit, state, signal

    def __str__(self) -> str:
        return f"unit {self.unit} is {self.state}, and cannot be told that {self.signal.value}"


@dataclass(slots=True)
class Attempt:
    """A worker at a unit."""

    number: int
    worker: str
    since: float
    cpu: float
    memory: int


@dataclass(slots=True)
class Progress:
    """One unit's state.

    :param rank: Expected seconds until the end of the run, from its start on.
    :param missing: Inputs that have not passed, but those that are only hoped for.
    :param doubts: Inputs that have not passed and are hoped for.
    :param behind: Units that have not ended, and have to.
    :param number: The attempts so far.
    :param tripped: Those that failed, since it was last sent back.
    :param rounds: How often others sent back to it.
    :param lost: Attempts that did not end by themselves.
    """

    unit: Unit
    rank: float = 0.0
    state: State = State.WAITING
    missing: int = 0
    doubts: int = 0
    behind: int = 0
    number: int = 0
    tripped: int = 0
    rounds: int = 0
    lost: int = 0
    due: float = 0.0
    running: dict[int, Attempt] = field(default_factory=dict)
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Nothing more happens to it, unless it is sent back."""
        return self.state in ENDED

    def move(self, signal: Signal) -> None:
        """Go on along the table.

        :raises IllegalTransition: The table knows no such way.
        """
        following = TRANSITIONS.get((self.state, signal))
        if following is None:
            raise IllegalTransition(self.unit.id, self.state, signal)
        self.state = following
