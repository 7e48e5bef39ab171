"""What a worker on another machine does: it runs one command in a tree that was sent.

Called by executors as ``guild_plugins.plugins.running.node:carry``. The tree is made anew
for each command, in a repository of its own that borrows what all commands of a run begin
with: the run's first commit, which is sent once and kept for some days. What the command
changed goes back as a tree; what git ignores does not.

A worker that is killed takes its command with it, and what it left is removed by the next.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from guild_plugins.coordination.turns import turn
from guild_plugins.engine.driver.spawning import Groups, run_command
from guild_plugins.engine.driver.work import Caps, Command, Ended, Usage
from guild_plugins.errors import GuildError
from guild_plugins.git.process import run_git, user_environment
from guild_plugins.plugins.running.asked import BRIEF
from guild_plugins.plugins.running.parcels import pack_on_top, unpack, unwrap, wrap

LOOK: Final = 0.1
OUTPUT: Final = 8 << 20
"""Bytes of a command's output that are sent back: the last."""

KEPT: Final = 7 * 86400.0
"""Seconds for which a run's first commit is kept after it was last of use."""


def carry(parcel: bytes) -> bytes:
    """Run one command, and return how it ended and what it changed."""
    order, (base, work) = unwrap(parcel)
    home = _home(os.environ)
    try:
        _sweep(home)
        shared = home / order["base"]
        if not shared.is_dir():
            if not base:
                return wrap({"missing": True})
            _keep(home, shared, order, base)
        os.utime(shared)
        with _place(home) as folder:
            return _carry_out(order, work, shared, folder)
    except (GuildError, OSError) as error:
        return wrap({"trouble": str(error) or type(error).__name__})


def _carry_out(order: dict[str, Any], work: bytes, shared: Path, folder: Path) -> bytes:
    tree = _tree(order, work, shared, folder / "tree")
    brief = folder / "brief.md"
    brief.write_bytes(str(order["brief"]).encode("utf-8", "surrogateescape"))
    log = folder / "log"
    command = Command(
        words=tuple(_word(order, word, brief) for word in order["words"]),
        directory=tree,
        environ={
            **user_environment(os.environ),
            **{name: _word(order, value, brief) for name, value in order["environ"].items()},
        },
        log=log,
        caps=Caps(**order["caps"]),
    )
    ended = asyncio.run(_run(command))
    run_git(["add", "--all"], tree)
    found = run_git(["write-tree"], tree).decode().strip()
    values = {
        "code": ended.code,
        "broke": ended.broke,
        "lost": ended.is_lost,
        "cpu": ended.cpu,
        "memory": ended.memory,
        "tree": found,
    }
    output = log.read_bytes()[-OUTPUT:] if log.exists() else b""
    return wrap(values, output, pack_on_top(tree, [found], order["work"]))


def _word(order: Mapping[str, Any], word: str, brief: Path) -> str:
    return sys.executable if word == order["python"] else word.replace(BRIEF, str(brief))


async def _run(command: Command) -> Ended:
    groups, guards = Groups(), list[subprocess.Popen[bytes]]()

    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK)
            groups.look()

    watching = asyncio.ensure_future(watch())
    try:
        began = lambda pid, _: guards.append(_guard(pid))  # noqa: E731
        return await run_command(command, groups, began, Usage())
    finally:
        watching.cancel()
        for guard in guards:
            guard.kill()
            guard.communicate()


def _guard(group: int) -> subprocess.Popen[bytes]:
    """Start what ends a process group when this process is gone, however it went."""
    words = ("sh", "-c", 'read _; kill -9 "-$0"', str(group))  # dash's kill knows no --
    return subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)


# -- trees ---------------------------------------------------------------------


def _home(environ: Mapping[str, str]) -> Path:
    kept = environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(kept).expanduser() / "guild" / "nodes"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return home


def _keep(home: Path, shared: Path, order: Mapping[str, Any], base: bytes) -> None:
    """Keep a run's first commit; whoever is first wins."""
    new = Path(tempfile.mkdtemp(dir=home, prefix="new-"))
    run_git(["init", "-q", "--bare", "--template=", f"--object-format={order['format']}"], new)
    unpack(new, base)
    try:
        new.rename(shared)
    except OSError:  # another worker of this machine was quicker
        shutil.rmtree(new)


def _tree(order: Mapping[str, Any], work: bytes, shared: Path, top: Path) -> Path:
    """Check out the tree that was sent, on the branch and the commit that it is on."""
    top.mkdir()
    run_git(["init", "-q", "--template=", f"--object-format={order['format']}"], top)
    git_dir = top / ".git"
    (git_dir / "objects" / "info").mkdir(exist_ok=True)
    (git_dir / "objects" / "info" / "alternates").write_bytes(os.fsencode(shared / "objects\n"))
    (git_dir / "shallow").write_text(order["base"] + "\n")
    unpack(top, work)
    run_git(["symbolic-ref", "HEAD", order["branch"]], top)
    run_git(["update-ref", order["branch"], order["tip"]], top)
    run_git(["read-tree", "--reset", "-u", order["work"]], top)
    return top


@contextmanager
def _place(home: Path) -> Iterator[Path]:
    """Give a folder that is removed at the end, by the next one where this one is killed."""
    folder = Path(tempfile.mkdtemp(dir=home, prefix="work-"))
    with turn(folder / "lock", patience=0.0):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove what killed workers left, and what was of no use for long."""
    now = time.time()
    for entry in home.iterdir():
        with suppress(GuildError, OSError):
            age = now - entry.stat().st_mtime
            if entry.name.startswith("work-"):
                if age > 1.0:  # its owner has taken the lock by then
                    with turn(entry / "lock", patience=0.0):
                        shutil.rmtree(entry, ignore_errors=True)
            elif age > KEPT:
                shutil.rmtree(entry, ignore_errors=True)
