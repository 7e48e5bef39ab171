"""A pool of workers that share one environment, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from guild_plugins.engine.messages import Piece
from guild_plugins.engine.queues import ExclusiveQueue, PoolQueue
from guild_plugins.engine.workers import Worker


@dataclass(slots=True)
class Pool:
    """One environment: what waits for it and who is in it.

    :param crew: Workers that are up and were not released.
    :param waiting: Those of them that are hungry and have no answer, the
        hungriest first.
    :param floor: The longest unit that is known and cannot be divided.
    """

    name: str
    queue: PoolQueue = field(default_factory=PoolQueue)
    exclusive: ExclusiveQueue = field(default_factory=ExclusiveQueue)
    crew: dict[str, Worker] = field(default_factory=dict)
    waiting: dict[str, Worker] = field(default_factory=dict)
    starting: int = 0
    floor: float = 0.0

    @property
    def size(self) -> int:
        """How many workers it has or will have."""
        return len(self.crew) + self.starting


@dataclass(frozen=True, slots=True)
class Request:
    """A recall or a division without an answer.

    :param thief: The worker on whose behalf it was made, if on any.
    """

    worker: str
    piece: Piece
    thief: str | None
