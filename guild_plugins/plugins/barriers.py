"""Lock files that are in conflict, made anew by the tool that they belong to.

From trunk's version, in a copy of the merged tree, so that what needs no change keeps the
version that trunk has. A tool that is not installed, or fails, leaves the file to a person.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from guild_plugins.git.process import user_environment
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import BarrierRequest, Undecided

TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    "uv.lock": ("uv", "lock"),
    "poetry.lock": ("poetry", "lock"),
    "package-lock.json": ("npm", "install", "--package-lock-only", "--ignore-scripts"),
}
"""The command that makes each lock file, in the folder that it lies in."""

SECONDS: Final = 500.0
SHOWN: Final = 200
"""Characters of what a tool said that are worth telling."""


@hookimpl(trylast=True)
def guild_resolve_barrier(request: BarrierRequest) -> bytes | Undecided | None:
    """Make a lock file anew; any other barrier is left to the next plugin."""
    path = PurePosixPath(request.path)
    command = TOOLS.get(path.name)
    if command is None:
        return None
    if None in request.wanted.values():
        return Undecided(reason="one side removed it")
    program = shutil.which(command[0])
    if program is None:
        return Undecided(reason=f"{command[0]} is not installed, which makes it anew")
    file = Path(request.directory) / request.path
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=file.parent,
            env=user_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Undecided(reason=f"{command[0]} took longer than {SECONDS:g} s")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-SHOWN:]
        return Undecided(reason=f"{' '.join(command)} ended with {done.returncode}: {said}")
    return file.read_bytes()
