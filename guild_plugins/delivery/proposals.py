"""Merges that the rules propose but do not take: kept beside the conflict for a person.

They lie in the work tree's own git directory, below ``guild/proposals``: one
file for each conflicted file, written by the driver (see `proposing`). The work
tree itself is left alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.delivery.proposing import FOLDER, name_for, parts_of
from guild_plugins.errors import GuildError
from guild_plugins.git.repository import find_repository


class NoProposal(GuildError):
    """There is no proposal for a path."""

    slug = "no-proposal"
    remedy = "guild resolve lists the paths that have one."

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"There is no proposal for {self.path}."


@dataclass(frozen=True, slots=True)
class Proposal:
    """A whole merged text for one path, and why it was not taken at once."""

    path: str
    reason: str
    text: bytes


def list_proposals(start: Path) -> list[Proposal]:
    """Return the proposals of the work tree that a directory lies in, by path."""
    folder = _folder(start)
    if folder is None or not folder.is_dir():
        return []
    found = []
    for kept in folder.iterdir():
        with suppress(ValueError):  # what another version kept is none of ours
            found.append(_read(kept))
    return sorted(found, key=lambda proposal: proposal.path)


def take_proposal(start: Path, path: str) -> Proposal:
    """Return the proposal for a path and forget it.

    :raises NoProposal: There is none.
    """
    folder = _folder(start)
    kept = folder / name_for(path) if folder else None
    if kept is None or not kept.is_file():
        raise NoProposal(path)
    proposal = _read(kept)
    kept.unlink()
    return proposal


def drop_proposal(start: Path, path: str) -> None:
    """Forget the proposal for a path, where there is one: the file was merged anew."""
    folder = _folder(start)
    if folder is not None:
        (folder / name_for(path)).unlink(missing_ok=True)


def _folder(start: Path) -> Path | None:
    repository = find_repository(start)
    return repository.git_dir / FOLDER if repository else None


def _read(kept: Path) -> Proposal:
    return Proposal(*parts_of(kept.read_bytes()))
