"""What processes use, from ``/proc``: whole process groups at one look.

Where there is no ``/proc`` nothing is measured, and only time and the leader's own
use (when it ends) are known.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

WANTING: Final = (b"R", b"D")
"""States of a process that another one beside it does not help."""

PATIENCE: Final = 5.0
"""Seconds in which a process that was killed is gone, or will never be."""


@dataclass(slots=True)
class Group:
    """The processes of one group.

    :param cpu: Seconds of processor time, with that of children that have ended.
    :param wanting: Processes that have a core right now, or wait for one or for a disk.
    :param memory: Bytes that they have in memory together.
    """

    cpu: float = 0.0
    wanting: int = 0
    memory: int = 0
    count: int = 0


def measure(groups: Iterable[int], *, thoroughly: bool = True) -> dict[int, Group]:
    """Return what process groups use now; a group that is gone uses nothing.

    :param thoroughly: Look at all processes of the machine. Else only at what descends from
        the groups' leaders: that takes a tenth of the time on a busy machine, and misses
        what lost its parent.
    """
    found = {group: Group() for group in groups}
    for _, fields in _processes() if thoroughly else _descendants(list(found)):
        group = found.get(int(fields[2]))
        if group is not None:
            group.cpu += sum(map(int, fields[11:15])) / _TICK
            group.wanting += fields[0] in WANTING
            group.memory += int(fields[21]) * _PAGE
            group.count += 1
    return found


def start_of(pid: int) -> int:
    """Return when a process started, in the system's unit; 0 where that is not known."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def used_by(pid: int) -> float:
    """Return the processor time of one process and of its children that ended, in seconds."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICK if fields else 0.0


def end_group(group: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a whole process group; that it is gone is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_marked(mark: str) -> int:
    """Kill all processes that have a variable set so, as ``NAME=value``; return how many.

    The variable is inherited, so this reaches what left its process group as well.
    This process is spared. What was killed is waited for, and what it started meanwhile
    is killed too; a process that the system cannot end is left after `PATIENCE`.
    """
    ended: set[int] = set()
    until = time.monotonic() + PATIENCE
    while (found := _kill_marked(os.fsencode(mark))) and time.monotonic() < until:
        ended |= found
        time.sleep(0.01)
    return len(ended)


def _kill_marked(wanted: bytes) -> set[int]:
    found = set()
    for pid, _ in _processes():
        if pid != os.getpid() and wanted in _environment(pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                found.add(pid)
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - once per process
            return file.read().split(b"\0")
    except OSError:
        return []


def _descendants(waiting: list[int]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield processes and all that they started, as `_processes` does."""
    while waiting:
        pid = waiting.pop()
        fields = _stat(pid)
        if fields and fields[0] != b"Z":
            yield pid, fields
            waiting += _children(pid, threads=int(fields[17]))


def _children(pid: int, threads: int) -> list[int]:
    """Return what the threads of a process started."""
    try:
        names = os.listdir(f"/proc/{pid}/task") if threads > 1 else [str(pid)]  # noqa: PTH208
        found: list[int] = []
        for name in names:
            with open(f"/proc/{pid}/task/{name}/children", "rb") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except OSError:  # it has ended
        return []
    return found


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    """Yield all processes with the fields of their ``stat`` after the name."""
    try:
        names = os.listdir("/proc")  # noqa: PTH208
    except OSError:
        return
    for name in names:
        if name.isdigit():
            fields = _stat(int(name))
            if fields and fields[0] != b"Z":
                yield int(name), fields


def _stat(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []
