"""Commits as they are stored: read with all that a new one takes over from them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import run_git

_AUTHOR: Final = re.compile(rb"(.*?) ?<([^<>]*)> (\d+ [+-]\d+)")
_AS_STORED: Final = {"GIT_NO_REPLACE_OBJECTS": "1"}


class OddCommit(GuildError):
    """A commit has no author that git could write again."""

    slug = "odd-commit"
    exit = Exit.UNSUPPORTED

    def __init__(self, commit: str) -> None:
        super().__init__(commit)
        self.commit = commit

    def __str__(self) -> str:
        return f"The author of commit {self.commit[:10]} is not written as git writes one."


class Commit(NamedTuple):
    """One commit.

    :param author: As ``GIT_AUTHOR_*`` give it to git.
    :param encoding: Of author and message.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Mapping[str, str]
    encoding: str
    message: bytes
    is_signed: bool

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.split(b"\n", 1)[0].decode("utf-8", "replace")


def read_commit(top: Path, oid: str) -> Commit:
    """Return a commit as it is stored, whatever replaces it (``refs/replace``).

    :raises OddCommit: Its author cannot be written again.
    """
    text = run_git(["cat-file", "commit", oid], top, extra_env=_AS_STORED)
    head, _, message = text.partition(b"\n\n")
    lines = [line.partition(b" ") for line in head.split(b"\n")]
    first = {key: value for key, _, value in reversed(lines)}
    author = _AUTHOR.fullmatch(first.get(b"author", b""))
    if author is None:
        raise OddCommit(oid)
    name, mail, date = map(os.fsdecode, author.groups())
    return Commit(
        oid,
        first[b"tree"].decode(),
        tuple(value.decode() for key, _, value in lines if key == b"parent"),
        {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail, "GIT_AUTHOR_DATE": f"@{date}"},
        first.get(b"encoding", b"UTF-8").decode("ascii", "replace"),
        message,
        any(key.startswith(b"gpgsig") for key, _, _ in lines),
    )


def commits_after(top: Path, commit: str, tip: str) -> list[str]:
    """Return the commits up to a tip that stand on a commit, what stands lower first."""
    options = ["--topo-order", "--reverse", "--ancestry-path"]
    words = run_git(["rev-list", *options, tip, f"^{commit}", "--"], top, extra_env=_AS_STORED)
    return words.decode().split()


def references_with(top: Path, commit: str, *patterns: str) -> list[str]:
    """Return the references below some prefixes from which a commit can be reached."""
    options = [f"--contains={commit}", "--format=%(refname)"]
    output = run_git(["for-each-ref", *options, "--", *patterns], top)
    return output.decode("utf-8", "surrogateescape").splitlines()
