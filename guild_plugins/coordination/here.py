"""Where and when this process is, and which processes are alive."""

from __future__ import annotations

import os
import platform
import time
from functools import cache
from pathlib import Path

from guild_plugins.stages.leases import Moment


def now() -> Moment:
    """Return this moment."""
    return Moment(time.time(), _ticks(), boot_id())


@cache
def host() -> str:
    """Return the name of this host: the machine, and the process namespace on it.

    Containers on one machine do not see each other's processes, so each counts
    as a host of its own.
    """
    space = _link("/proc/self/ns/pid").strip("pid:[]")
    return f"{platform.node()}/{_read('/etc/machine-id')[:8]}/{space}"


@cache
def boot_id() -> str:
    """Return the id of this start of the machine; empty where it does not tell."""
    return _read("/proc/sys/kernel/random/boot_id")


def start_time(pid: int) -> int:
    """Return when a process started, in the system's unit; 0 if it is gone.

    A process that has ended and was not waited for is gone. Where the system does
    not tell start times, 1 stands for "alive".
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0 if Path("/proc/self/stat").exists() else int(_answers(pid))
    fields = stat.rpartition(b")")[2].split()  # the name before may hold anything
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is there, and not ours
    return True


def _ticks() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
