"""Commands by plain spawn: a process group each, output into a file, the end by a pidfd.

Nothing is forked that would copy the coordinator, and no output passes through it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from guild_plugins.engine.driver import proc
from guild_plugins.engine.driver.work import Began, Command, Ended, Step, Usage

GRACE: Final = 2.0
"""Seconds between asking a process group to end and killing it."""


THOROUGHLY: Final = 10
"""Looks of which one is at all processes: what lost its parent stays in its group."""


class Groups:
    """The process groups that run now, watched together."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._looked = time.monotonic()
        self._count = 0

    def watch(self, group: int, step: Step, usage: Usage) -> None:
        """Measure a group from now on, and hold it to the step's limits.

        A warm process had used time before: only what comes on top is the step's.
        """
        self._watched[group] = _Watched(step, usage, proc.used_by(group))

    def forget(self, group: int) -> str:
        """Measure it a last time; return which limit it broke, if any."""
        watched = self._watched.pop(group)
        watched.usage.cpu = max(watched.usage.cpu, proc.used_by(group) - watched.before)
        return watched.broke

    def look(self) -> None:
        """Measure all, and end those that broke a limit."""
        now = time.monotonic()
        since, self._looked = now - self._looked, now
        self._count += 1
        thoroughly = self._count % THOROUGHLY == 0
        for group, used in proc.measure(list(self._watched), thoroughly=thoroughly).items():
            watched = self._watched.get(group)
            if watched is None or not used.count:
                continue
            usage = watched.usage
            usage.cpu = max(usage.cpu, used.cpu - watched.before)
            usage.wanted += used.wanting * since
            usage.memory = used.memory
            usage.peak = max(usage.peak, used.memory)
            watched.broke = watched.broke or _excess(watched.step, usage)
            if watched.broke:
                proc.end_group(group)


@dataclass(slots=True)
class _Watched:
    step: Step
    usage: Usage
    before: float
    broke: str = ""


def _excess(step: Step, usage: Usage) -> str:
    caps = step.caps
    if caps.memory is not None and usage.memory > caps.memory:
        return f"it had {usage.memory >> 20} MB in memory, and {caps.memory >> 20} are allowed"
    if caps.cpu is not None and usage.cpu > caps.cpu:
        return f"it used {usage.cpu:.1f} s of processor time, and {caps.cpu:g} are allowed"
    with suppress(OSError):
        if step.log.stat().st_size > caps.output:
            return f"it printed more than {caps.output >> 20} MB"
    return ""


async def run_command(command: Command, groups: Groups, began: Began, usage: Usage) -> Ended:
    """Run a command to its end, with everything that it started.

    Cancelled, it ends the whole group: politely, then not.
    """
    try:
        process = _spawn(command)
    except OSError as error:
        return Ended(code=127, broke=f"{command.words[0]}: {error.strerror or error}")
    began(process.pid, proc.start_of(process.pid))
    groups.watch(process.pid, command, usage)
    late = broke = ""
    try:
        async with asyncio.timeout(command.caps.seconds):
            await _ended(process.pid)
    except TimeoutError:
        late = f"it was not done after {command.caps.seconds:g} s"
    finally:
        try:
            cpu, memory = await _end(process)
        finally:
            broke = groups.forget(process.pid) or late
    return Ended(
        code=process.returncode,
        broke=broke,
        # Nobody here did that: the kernel for want of memory, or a person.
        is_lost=process.returncode == -signal.SIGKILL and not broke,
        cpu=max(cpu, usage.need),
        memory=max(memory, usage.peak),
    )


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        return subprocess.Popen(
            command.words,
            cwd=command.directory,
            env=dict(command.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


async def _ended(pid: int) -> None:
    """Wait until a process has ended, without reaping it."""
    if not hasattr(os, "pidfd_open"):
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def _end(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """End what is left of a group, reap its leader, and return what that used.

    Children that outlive their leader are killed: they would work on in a tree that is
    no longer theirs. A leader that still works is asked first; a cancellation hurries.
    """
    group = process.pid
    try:
        if not os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            proc.end_group(group, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await _ended(group)
    finally:
        proc.end_group(group)
        _, status, used = os.wait4(group, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def marked(environ: Mapping[str, str], run: str) -> dict[str, str]:
    """Return an environment by which all processes of a run can be found."""
    return {**environ, "GUILD_RUN": run}
