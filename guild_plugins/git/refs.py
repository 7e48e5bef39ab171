"""References: read, and moved by compare-and-swap.

One reference is moved at a time. Git moves several in one transaction, but a crash
can leave some of them moved, so nothing here offers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import DiskRefused, GitFailed, run_git

DURABLE: Final = {
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.fsync",
    "GIT_CONFIG_VALUE_0": "committed,reference,index",
    "GIT_CONFIG_KEY_1": "core.splitIndex",
    "GIT_CONFIG_VALUE_1": "false",
}
"""For commands that write: git's own default leaves loose objects and references unsynced."""


class RefMoved(GuildError):
    """A reference is no longer what it was when the work began."""

    slug = "ref-moved"
    exit = Exit.CONTENDED
    remedy = "Look at what came in between, and run the command again."

    def __init__(self, name: str, expected: str | None, found: str | None) -> None:
        super().__init__(name, expected, found)
        self.name, self.expected, self.found = name, expected, found

    def __str__(self) -> str:
        old, now = (_short(oid) for oid in (self.expected, self.found))
        return f"{self.name} was {old} and is {now} now; nothing was changed."


class RefLocked(GuildError):
    """Git's own lock on a reference is held, or was left behind."""

    slug = "ref-locked"
    exit = Exit.CONTENDED
    remedy = (
        "Run the command again. If the file stays and no git is running, one that was\n"
        "  killed has left it: guild doctor says more."
    )

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name} is locked by another git process: {self.reason}"


class Head(NamedTuple):
    """What is checked out.

    :param branch: The full name of the branch; ``None`` for a detached head.
    :param commit: ``None`` where the branch has no commit yet.
    """

    branch: str | None
    commit: str | None

    @property
    def reference(self) -> str:
        """The reference that a commit moves."""
        return self.branch or "HEAD"


def read_head(top: Path) -> Head:
    """Return what a work tree has checked out."""
    try:
        branch = run_git(["symbolic-ref", "--quiet", "HEAD"], top).decode().strip()
    except GitFailed as error:
        if error.code != 1:
            raise
        branch = ""
    return Head(branch or None, read_ref(top, "HEAD"))


def read_ref(top: Path, name: str) -> str | None:
    """Return the commit that a reference names; ``None`` where there is no such reference."""
    try:
        found = run_git(["rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"], top)
    except GitFailed as error:
        if error.code != 1:
            raise
        return None
    return found.decode().strip()


def is_ancestor(top: Path, old: str, new: str) -> bool:
    """Say whether a commit is another one, or among those before it."""
    try:
        run_git(["merge-base", "--is-ancestor", old, new], top)
    except GitFailed as error:
        if error.code == 1:
            return False
        raise
    return True


def move_ref(
    top: Path,
    name: str,
    *,
    new: str,
    old: str | None,
    message: str,
    inherit: Sequence[int] = (),
) -> None:
    """Move a reference, unless it has left ``old``; durable when this returns.

    :param old: ``None`` for a reference that must not be there yet.
    :param message: For the reflog.
    :param inherit: Open files that git keeps open as long as it runs.
    :raises RefMoved: It is something else now.
    :raises RefLocked: Another git process has it locked.
    """
    options = ["--no-deref"] if name == "HEAD" else []
    expected = old or "0" * len(new)
    try:
        run_git(
            ["update-ref", "-m", message, *options, "--", name, new, expected],
            top,
            extra_env=DURABLE,
            inherit=inherit,
        )
    except GitFailed as error:
        found = read_ref(top, name)
        if found == new:
            return  # it moved, and only what comes after that failed
        if found != old:
            raise RefMoved(name, old, found) from error
        if ".lock'" in error.stderr and not isinstance(error, DiskRefused):
            raise RefLocked(name, error.stderr.strip().splitlines()[0]) from error
        raise


def delete_ref(
    top: Path, name: str, *, old: str, message: str, inherit: Sequence[int] = ()
) -> None:
    """Delete a reference, unless it has left ``old``; that it is gone already is no error.

    :raises RefMoved: It is something else now.
    :raises RefLocked: Another git process has it locked.
    """
    if read_ref(top, name) is None:
        return
    try:
        run_git(
            ["update-ref", "-m", message, "-d", "--", name, old],
            top,
            extra_env=DURABLE,
            inherit=inherit,
        )
    except GitFailed as error:
        found = read_ref(top, name)
        if found is None:
            return
        if found != old:
            raise RefMoved(name, old, found) from error
        if ".lock'" in error.stderr and not isinstance(error, DiskRefused):
            raise RefLocked(name, error.stderr.strip().splitlines()[0]) from error
        raise


def point_head(top: Path, branch: str, message: str, inherit: Sequence[int] = ()) -> None:
    """Make a branch the one that is checked out, without touching index and files."""
    run_git(
        ["symbolic-ref", "-m", message, "HEAD", branch], top, extra_env=DURABLE, inherit=inherit
    )


def branches_below(top: Path, prefix: str) -> dict[str, str]:
    """Return the references that begin with a prefix, with the objects that they name."""
    form = "--format=%(refname)%00%(objectname)"
    lines = run_git(["for-each-ref", form, "--", prefix], top).decode("utf-8", "surrogateescape")
    pairs = (line.partition("\0") for line in lines.splitlines())
    return {name: oid for name, _, oid in pairs}


def _short(oid: str | None) -> str:
    return oid[:10] if oid else "not there"
