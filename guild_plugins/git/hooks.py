"""Running the hooks that the user has installed, as ``git commit`` would run them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from guild_plugins.errors import GuildError
from guild_plugins.git.process import failure, run_git, user_environment


class HookRefused(GuildError):
    """A hook said no."""

    slug = "hook-refused"

    def __init__(self, name: str, code: int) -> None:
        super().__init__(name, code)
        self.name, self.code = name, code

    def __str__(self) -> str:
        return f"The {self.name} hook ended with {self.code}; nothing was committed."


def folder_of_hooks(top: Path) -> Path:
    """Return where git looks for a work tree's hooks, ``core.hooksPath`` included."""
    command = ["git", "rev-parse", "--git-path", "hooks"]
    environ = user_environment(os.environ)
    done = subprocess.run(command, cwd=top, env=environ, capture_output=True, check=False)
    if done.returncode:
        raise failure(command[1:], done.returncode, done.stderr.decode("utf-8", "replace"))
    return Path(os.path.normpath(top / os.fsdecode(done.stdout.removesuffix(b"\n"))))


def are_hooks_configurable(top: Path) -> bool:
    """Say whether this git runs the hooks that its configuration names (2.54 and newer)."""
    probe = ["-c", "hook.guild-probe.event=pre-commit", "-c", "hook.guild-probe.command=true"]
    found = run_git([*probe, "hook", "list", "pre-commit"], top, accept=(0, 1, 129))
    return b"guild-probe" in found.splitlines()


def run_hook(top: Path, name: str, args: Sequence[str] = (), *, index: Path | None = None) -> None:
    """Run one hook, if there is one; what it prints is the user's to see.

    :param index: The index that the commit is made from, where it is not the work tree's own.
    :raises HookRefused: It ended with another code than 0.
    """
    environ = user_environment(os.environ)
    environ["GIT_EDITOR"] = ":"  # as git says where no editor will be opened
    if index is not None:
        environ["GIT_INDEX_FILE"] = str(index)
    command = ["git", "hook", "run", "--ignore-missing", name, "--", *args]
    done = subprocess.run(command, cwd=top, env=environ, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HookRefused(name, done.returncode)
