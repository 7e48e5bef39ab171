"""A small document on a remote, which many clones change by compare-and-swap.

It is the one file of a commit that a reference of its own names. A push that
expects the old commit either moves the reference or changes nothing, so no server
is needed but the one that has the repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import ANY_REMOTE, GitFailed, run_git

FILE: Final = "document"
_WHO: Final = {
    "GIT_AUTHOR_NAME": "Guild",
    "GIT_AUTHOR_EMAIL": "guild@localhost",
    "GIT_COMMITTER_NAME": "Guild",
    "GIT_COMMITTER_EMAIL": "guild@localhost",
}
_MOVED: Final = ("stale info", "fetch first", "cannot lock ref", "failed to update ref")
"""What git says when somebody else was quicker."""


class RemoteUnreachable(GuildError):
    """The remote cannot be read or written."""

    slug = "remote-unreachable"
    exit = Exit.CONTENDED

    def __init__(self, remote: str, reason: str) -> None:
        super().__init__(remote, reason)
        self.remote, self.reason = remote, reason

    def __str__(self) -> str:
        return f"The remote {self.remote!r} does not answer: {self.reason}"


@dataclass(frozen=True, slots=True)
class Document:
    """The document as it was.

    :param commit: What the reference names; ``None`` where there is none yet.
    """

    commit: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Shared:
    """Where a document is: a reference on a remote of a clone."""

    top: Path
    remote: str
    reference: str

    def read(self) -> Document:
        """Return the document as it is now; empty where there is none.

        :raises RemoteUnreachable: The remote does not answer.
        """
        listed = self._ask(["ls-remote", "--refs", "--", self.remote, self.reference])
        commit = listed.split(b"\t")[0].decode()
        if not commit:
            return Document(None, b"")
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]
        self._ask(["fetch", *options, "--", self.remote, self.reference])
        try:
            return Document(commit, run_git(["cat-file", "blob", f"{commit}:{FILE}"], self.top))
        except GitFailed:
            return self.read()  # it moved between the two, and this one was not fetched

    def swap(self, old: Document, content: bytes) -> bool:
        """Replace the document, unless it is no longer the old one; say whether it was.

        :raises RemoteUnreachable: The remote does not answer, or does not allow it.
        """
        blob = run_git(["hash-object", "-w", "--stdin"], self.top, input=content).decode().strip()
        line = f"100644 blob {blob}\t{FILE}\n".encode()
        tree = run_git(["mktree"], self.top, input=line).decode().strip()
        new = run_git(["commit-tree", "-m", "guild", tree], self.top, extra_env=_WHO)
        expected = f"--force-with-lease={self.reference}:{old.commit or ''}"
        change = f"{new.decode().strip()}:{self.reference}"
        try:
            run_git(
                ["push", "--quiet", "--no-verify", expected, "--", self.remote, change],
                self.top,
                extra_env=ANY_REMOTE,
            )
        except GitFailed as error:
            if any(sign in error.stderr for sign in _MOVED):
                return False
            raise RemoteUnreachable(self.remote, _last_line(error)) from error
        return True

    def _ask(self, args: list[str]) -> bytes:
        try:
            return run_git(args, self.top, extra_env=ANY_REMOTE)
        except GitFailed as error:
            raise RemoteUnreachable(self.remote, _last_line(error)) from error


def _last_line(error: GitFailed) -> str:
    lines = [line for line in error.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    return (lines or error.stderr.splitlines() or ["it said nothing"])[0]
