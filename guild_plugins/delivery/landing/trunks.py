"""Trunk, where it is: a branch of this clone, or of a remote.

Either is moved by compare-and-swap. The remote's is a push that expects what was fetched
(``--force-with-lease``), so that clones need no other arbiter: of two that push at once,
one wins, and the other merges again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from guild_plugins.coordination.leases import Leases
from guild_plugins.delivery.landing.notes import REF
from guild_plugins.delivery.operation import Move, Operation, publish
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import ANY_REMOTE, GitFailed, run_git
from guild_plugins.git.refs import RefMoved, is_ancestor, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.stages.leases import Holder

ATTEMPTS: Final = 5
FETCHED: Final = "refs/guild/trunk/"
"""Below it is what was fetched last: the remote, then the branch's name."""

_CONTENDED: Final = ("stale info", "fetch first", "cannot lock ref", "failed to update ref")


class PushRefused(GuildError):
    """The remote does not take what is pushed; nothing was landed."""

    slug = "push-refused"
    exit = Exit.NO
    remedy = "Its own rules are against it: a protected branch, a hook, or missing rights."

    def __init__(self, remote: str, reason: str) -> None:
        super().__init__(remote, reason)
        self.remote, self.reason = remote, reason

    def __str__(self) -> str:
        return f"{self.remote} refused the push: {self.reason}"


@dataclass(frozen=True, slots=True)
class Mover:
    """Who moves trunk, and under which leases."""

    leases: Leases
    work: Operation
    holder: Holder
    shown: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class LocalTrunk:
    """A branch of this clone.

    :param ref: Its full name.
    """

    repository: Repository
    ref: str

    def read(self) -> str | None:
        """Return where it is."""
        return read_ref(self.repository.top, self.ref)

    def move(self, mover: Mover, move: Move) -> None:
        """Move it, if it is where it is expected.

        :raises RefMoved: It is not.
        """
        publish(
            self.repository,
            mover.leases,
            mover.work,
            move,
            holder=mover.holder,
            claims=(),
            shown=mover.shown,
        )


@dataclass(frozen=True, slots=True)
class RemoteTrunk:
    """A branch of a remote.

    :param branch: Its full name there.
    """

    repository: Repository
    remote: str
    branch: str

    @property
    def ref(self) -> str:
        """What it is kept as here."""
        return f"{FETCHED}{self.remote}/{self.branch.removeprefix('refs/heads/')}"

    def read(self) -> str | None:
        """Fetch it, and return where it is.

        :raises GitFailed: The remote cannot be reached, or has no such branch.
        """
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
        words += ["--no-recurse-submodules", "--", self.remote, f"+{self.branch}:{self.ref}"]
        run_git(words, self.repository.top, extra_env=ANY_REMOTE)
        return read_ref(self.repository.top, self.ref)

    def move(self, mover: Mover, move: Move) -> None:
        """Push, if it is where it is expected.

        :raises RefMoved: It is not.
        :raises PushRefused: The remote's own rules are against it.
        """
        with mover.leases.fenced(mover.holder, (), mover.shown):
            pass  # it is not held while the network is waited for
        lease = f"--force-with-lease={self.branch}:{move.old}"
        words = ["push", "--porcelain", "--atomic", "--no-follow-tags", lease]
        words += ["--", self.remote, f"{move.new}:{self.branch}"]
        try:
            run_git(words, self.repository.top, extra_env=ANY_REMOTE)
        except GitFailed as error:
            current = self.read()
            if current is not None and is_ancestor(self.repository.top, move.new, current):
                return  # it arrived, and only the answer did not
            if current != move.old or any(sign in error.stderr for sign in _CONTENDED):
                raise RefMoved(self.branch, move.old, current) from error
            raise PushRefused(self.remote, error.stderr.strip().splitlines()[0]) from error

    def share_notes(self) -> None:
        """Bring the notes of this clone and of the remote together, if the remote lets that be.

        They are proof and no part of the landing: what does not arrive comes with the next.
        """
        top, theirs = self.repository.top, f"{FETCHED}{self.remote}/refs/notes"
        for _ in range(ATTEMPTS):
            with suppress(GitFailed):
                old = self._fetch_notes(theirs)
                if old is not None and read_ref(top, REF) is not None:
                    run_git(["notes", f"--ref={REF}", "merge", "-q", "-s", "ours", theirs], top)
                lease = f"--force-with-lease={REF}:{old or ''}"
                words = ["push", "--porcelain", lease, "--", self.remote, f"{REF}:{REF}"]
                run_git(words, top, extra_env=ANY_REMOTE)
                return

    def _fetch_notes(self, theirs: str) -> str | None:
        """Return where the remote's notes are; ``None`` where it has none."""
        top = self.repository.top
        listed = run_git(["ls-remote", "--", self.remote, REF], top, extra_env=ANY_REMOTE).split()
        if not listed:
            return None
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", self.remote]
        run_git([*words, f"+{REF}:{theirs}"], top, extra_env=ANY_REMOTE)
        return read_ref(top, theirs)


def trunk_called(repository: Repository, ref: str) -> LocalTrunk | RemoteTrunk:
    """Return the trunk that is kept as a reference here."""
    if not ref.startswith(FETCHED):
        return LocalTrunk(repository, ref)
    remote, _, name = ref.removeprefix(FETCHED).partition("/")
    return RemoteTrunk(repository, remote, f"refs/heads/{name}")
