"""Merge three files on disk, as ``git merge-file`` does, and what ``guild resolve`` takes over."""

from __future__ import annotations

import os
from pathlib import Path

from guild_plugins.delivery.proposals import Proposal, take_proposal
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.repository import find_repository
from guild_plugins.merge.engine import merge
from guild_plugins.merge.render import Style
from guild_plugins.merge.result import Clean, Conflict


class Unreadable(GuildError):
    """A file to merge cannot be read."""

    slug = "unreadable"
    exit = Exit.USAGE

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path, self.cause = path, cause

    def __str__(self) -> str:
        return f"{self.path} cannot be read: {self.cause}."


def merge_files(ours: Path, base: Path, theirs: Path, style: Style, name: str) -> Clean | Conflict:
    """Merge what two files made of a third; nothing is written.

    :param name: The path that tells the kind of the files.
    :raises Unreadable: One of them cannot be read.
    :raises TooCostly: They are too long or too repetitive.
    """
    return merge(name, _read(base), _read(ours), _read(theirs), style)


def accept_proposal(start: Path, path: str) -> Proposal:
    """Write the proposal for a path into the work tree, and forget it.

    :raises NoProposal: There is none, or the directory is in no repository.
    """
    proposal = take_proposal(start, path)
    repository = find_repository(start)
    if repository is not None:
        target = repository.top / path
        beside = target.with_name(f"{target.name}.guild-{os.getpid()}")
        beside.write_bytes(proposal.text)
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o777)
        beside.replace(target)
    return proposal


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(str(path), error.strerror or str(error)) from error
