"""Running git: argument lists, an environment of our own, names as bytes.

Hooks inherit ``GIT_*`` variables that redirect git to another index or
repository, and a repository's configuration may name programs to run (the
fsmonitor, hooks, a pager). Both are switched off here: reading a repository
runs nothing from it. Nor does it fetch what a partial clone lacks, which would run
what the configuration says of the remote; `ANY_REMOTE` is for who means to.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from guild_plugins.errors import Exit, GuildError

_KEPT = (
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMITTER_",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSH",
)
"""Beginnings of variables that say who the user is or where git lives, not what to work on."""

_SET = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

ANY_REMOTE = {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_NO_LAZY_FETCH": "0"}
"""Variables for commands that are to reach a remote, by what git allows of itself."""

_EVENTS = ("post-checkout", "post-index-change", "pre-push", "reference-transaction")
"""What the commands that are run here could set off."""

_QUIET = (
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.quotePath=false",
    # Hooks that the configuration names (git 2.54) are not switched off by core.hooksPath.
    *(word for event in _EVENTS for word in ("-c", f"hook.{event}.enabled=false")),
)


class GitMissing(GuildError):
    """There is no git command to run."""

    slug = "git-missing"
    exit = Exit.UNSUPPORTED
    remedy = "Install git 2.38 or newer, or put it on PATH."

    def __str__(self) -> str:
        return "The git command was not found."


class GitFailed(GuildError):
    """A git command ended with an error."""

    slug = "git-failed"

    def __init__(self, args: tuple[str, ...], code: int, stderr: str) -> None:
        super().__init__(args, code, stderr)
        self.command, self.code, self.stderr = args, code, stderr

    def __str__(self) -> str:
        lines = self.stderr.strip().splitlines()
        causes = [line for line in lines if line.startswith(("fatal:", "error:"))]
        cause = next(iter(causes or lines[-1:]), "it said nothing")
        return f"git {self.command[0]} ended with {self.code}: {cause}"


class DiskRefused(GitFailed):
    """The disk is full, broken or read-only, and git could not write."""

    slug = "disk-refused"
    exit = Exit.RECOVERY
    remedy = "Make room or repair the disk, and run the command again."


_DISK = (
    "No space left",
    "Out of diskspace",
    "couldn't write",
    "Disk quota exceeded",
    "Input/output error",
    "Read-only file system",
)


def failure(args: Sequence[str], code: int, stderr: str) -> GitFailed:
    """Return the error for a git command that ended with a code other than 0."""
    kind = DiskRefused if any(sign in stderr for sign in _DISK) else GitFailed
    return kind(tuple(args), code, stderr)


def run_git(
    args: Sequence[str],
    cwd: Path,
    *,
    input: bytes | None = None,
    extra_env: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
    accept: Sequence[int] = (0,),
) -> bytes:
    """Run a git command in a directory and return what it prints, unread.

    :param args: The subcommand and its arguments; names after ``--``.
    :param extra_env: Variables for this call alone, such as ``GIT_INDEX_FILE``.
    :param inherit: Open files that the command keeps open as long as it runs.
    :param accept: Exit codes that are answers and no errors.
    :raises GitFailed: It ended with another code.
    :raises GitMissing: There is no git.
    """
    try:
        done = subprocess.run(
            ["git", *_QUIET, *args],
            cwd=cwd,
            env={**git_environment(os.environ), **(extra_env or {})},
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            check=False,
            pass_fds=inherit,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise
        raise GitMissing from error
    if done.returncode not in accept:
        stderr = done.stderr.decode("utf-8", "replace")
        raise failure(args, done.returncode, stderr)
    return done.stdout


def start_git(args: Sequence[str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a git command that is asked and answers through pipes.

    Objects are what their ids say: replacements (``refs/replace``) are not followed.

    :raises GitMissing: There is no git.
    """
    try:
        return subprocess.Popen(
            ["git", *_QUIET, *args],
            cwd=cwd,
            env={**git_environment(os.environ), "GIT_NO_REPLACE_OBJECTS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise
        raise GitMissing from error


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that git gets: nothing that redirects it, nothing that prompts."""
    return {**user_environment(environ), **_SET}


def user_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's own environment, without the variables that redirect git."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_") or name.startswith(_KEPT)
    }


def split_names(output: bytes) -> list[str]:
    """Return the names in ``-z`` output; bytes that are no UTF-8 survive the round trip."""
    return [os.fsdecode(name) for name in output.split(b"\0") if name]
