"""How many cores this run may use, and whether its workers use them.

Linux tells both under ``/proc`` and ``/sys/fs/cgroup``. Where it is silent, nothing
is known, and nothing is limited by it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

WANTING: Final = frozenset("RD")
"""States of a thread that has or awaits a core, or awaits a disk: another worker helps neither."""

TICK: Final = 0.2
"""Seconds between looks at the clock while nothing arrives."""

INTERVAL: Final = 0.05
"""Seconds between looks at the workers, where what they do decides how many there are."""

PROC: Final = "/proc"
CGROUPS: Final = Path("/sys/fs/cgroup")


def usable_cores() -> int | None:
    """Return the cores that this process may use; None where workers cannot be watched."""
    if not os.path.isdir(f"{PROC}/self/task") or not hasattr(os, "sched_getaffinity"):
        return None
    cores = len(os.sched_getaffinity(0))
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


class Watch:
    """When to look at the workers."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self.tick = INTERVAL if is_on else TICK
        self._next = 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to look; if so, the next look is later."""
        if not self.is_on or now < self._next:
            return False
        self._next = now + INTERVAL
        return True


def wants_core(pid: int) -> bool:
    """Tell whether a process, or one that it started, has or awaits a core right now."""
    waiting = [pid]
    while waiting:
        for thread in _threads(waiting.pop()):
            if _state(thread) in WANTING:
                return True
            waiting += _children(thread)
    return False


def _threads(pid: int) -> Iterator[str]:
    with suppress(OSError):  # it has ended
        for thread in os.listdir(f"{PROC}/{pid}/task"):
            yield f"{PROC}/{pid}/task/{thread}"


def _state(thread: str) -> str:
    # The name before the state may hold anything, parentheses and spaces too.
    _, _, rest = _read(f"{thread}/stat").rpartition(")")
    return rest[1:2]


def _children(thread: str) -> list[int]:
    return [int(pid) for pid in _read(f"{thread}/children").split()]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _quota() -> float | None:
    """Return how many cores' time the control group (v2, else v1) allows; None for no limit."""
    for line in _read(f"{PROC}/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            parts = _read(str(CGROUPS / path.lstrip("/") / "cpu.max")).split()
        elif "cpu" in controllers.split(","):
            home = CGROUPS / "cpu" / path.lstrip("/")
            parts = [
                _read(str(home / f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")
            ]
        else:
            continue
        if len(parts) == 2 and all(part.isdecimal() for part in parts):
            return int(parts[0]) / int(parts[1])
    return None
