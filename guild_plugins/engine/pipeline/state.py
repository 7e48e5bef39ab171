"""What is known of a run, and what is decided from it. No rules: see `moves` and `policy`."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from guild_plugins.engine.pipeline.crew import Crew
from guild_plugins.engine.pipeline.demand import Demand
from guild_plugins.engine.pipeline.graph import Graph
from guild_plugins.engine.pipeline.instructions import Instruction
from guild_plugins.engine.pipeline.progress import Progress, State
from guild_plugins.engine.pipeline.ready import Ready
from guild_plugins.stages.runs import Limits

SETBACKS: Final = 5
"""Attempts lost one after the other, after which everything is done one by one."""


class Situation:
    """The state of one run."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.crew = Crew()
        self.ready = Ready()
        self.limits = Limits(least=1, most=1, cores=1.0)
        self.demand = Demand(self.limits)
        self.useful = 1
        """Workers that the shape of the work can use."""
        self.is_cancelled = False
        self.has_begun = False
        self.has_ended = False
        self.left = 0
        """Units that have not ended."""
        self.setbacks = 0
        """Attempts lost one after the other."""
        self.hopeful: dict[str, Progress] = {}
        """Units some of whose inputs are being made."""
        self.delayed: list[tuple[float, str]] = []
        """Units that try again, and when: a heap."""
        self.ended: deque[Progress] = deque()
        """Units whose end others have not been told."""
        self.changed: deque[Progress] = deque()
        """Units whose inputs may have changed."""
        self.paces: dict[str, float] = {}
        """How much longer units of a stage take than expected."""
        self.wake: float | None = None
        """The moment that was asked for."""
        self.said: list[Instruction] = []

    @property
    def is_sequential(self) -> bool:
        """Whether so much was lost that only one unit runs at a time."""
        return self.setbacks >= SETBACKS

    @property
    def allowed(self) -> int:
        """How many workers there may be."""
        return 1 if self.is_sequential else min(self.limits.most, self.useful)

    def states(self) -> Counter[State]:
        """Return how many units are in each state."""
        return Counter(progress.state for progress in self.graph.units.values())

    def as_data(self) -> dict[str, object]:
        """Return what no other part has of the state, as plain data."""
        return {
            "left": self.left,
            "setbacks": self.setbacks,
            "hopeful": list(self.hopeful),
            "delayed": sorted(self.delayed),
            "paces": self.paces,
            "wake": self.wake,
        }
