"""A worker as the controller sees it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xdist.workermanage import WorkerController

from guild_plugins.suites.wire import unsent


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tests of a unit make up a piece; see `collection.Request`.

    :param counted: How many of them were collected before, by a worker that died.
    :param about: About how many tests it is, where ``only`` does not say; 0 if nobody knows.
    """

    only: frozenset[str] | None = None
    parts: frozenset[str] | None = None
    skip: frozenset[str] = frozenset()
    counted: int = 0
    about: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is all tests of the unit."""
        return self.only is None and self.parts is None and not self.skip


@dataclass(slots=True)
class Opened:
    """A unit on a worker, from its assignment to its end.

    :param done: Node ids that need not run again: ended, crashed or given away.
    :param unread: About how many tests are not collected yet.
    """

    selection: Selection
    is_open: bool = False
    tests: int = 0
    unread: int = 0
    done: set[str] = field(default_factory=set)
    ended: int = 0
    counted: int = 0

    @property
    def left(self) -> int:
        """About how many tests have not ended."""
        return max(self.tests - self.ended, 0) + self.unread

    def remainder(self) -> Selection:
        """Return what is to be run again, were it to be."""
        chosen = self.selection
        counted = max(self.tests - self.ended, 0)
        return Selection(chosen.only, chosen.parts, chosen.skip | self.done, counted, self.left)

    def new_among(self, tests: int, total: int) -> int:
        """Return how many of those that were just collected no worker had collected before.

        :param tests: Those that are to run.
        :param total: With those that were deselected or are to be left out.
        """
        if self.selection.only is not None:
            return 0
        fresh = tests if self.selection.skip else total
        known = min(self.selection.counted - self.counted, fresh)
        self.counted += known
        return fresh - known


class SuiteNode(WorkerController):
    """One worker, with what was asked of it and what it last said."""

    pool: str = ""
    store: Path | None = None
    received: int = 0
    held: dict[int, Opened]
    current: tuple[int, str] | None = None
    """Unit and node id of the test that runs."""
    opening: int | None = None
    """The unit that is being collected."""
    told: Counter[tuple[str, str]]
    """Reports of collectors that did not pass, since the last unit was opened."""
    is_ready: bool = False
    is_released: bool = False
    trouble: str | None = None
    """What it said of its own end, or why it was killed."""
    was_killed: bool = False

    @property
    def at_work(self) -> int | None:
        """The piece that it tests or collects."""
        return self.current[0] if self.current else self.opening

    def process_from_remote(self, eventcall: Any) -> None:
        """Put a batch on the queue as one event; leave all else to xdist."""
        if isinstance(eventcall, tuple) and eventcall[0] == "guild":
            self.notify_inproc("batch", node=self, **eventcall[1])
        else:
            super().process_from_remote(eventcall)

    def leftover(self) -> bytes:
        """Return the records that a dead worker had not sent."""
        return unsent(self.store, self.received) if self.store else b""

    @property
    def pid(self) -> int | None:
        """The process, if it is one of this machine."""
        popen = getattr(self.gateway._io, "popen", None)
        return popen.pid if self.gateway.spec.popen and popen is not None else None

    def kill(self, why: str) -> None:
        """End the process at once; its loss is then handled like any other."""
        self.trouble, self.was_killed = why, True
        kill(self.gateway)


def kill(gateway: Any) -> None:
    """End the process of a gateway at once, or ask it to end where it is no process of ours."""
    io = gateway._io
    if hasattr(io, "kill"):
        io.kill()
    else:
        gateway.exit()
