"""A chain of commits, one for each scope's share, each on the one before. Moves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.delivery.message import Messages, write_message
from guild_plugins.delivery.split import Part
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.index import index_of_tree
from guild_plugins.git.writing import write_commit
from guild_plugins.scopes.model import ScopeId


class SplitBroken(GuildError):
    """The commits do not add up to what was to be divided; a bug, and nothing was changed."""

    slug = "split-broken"
    exit = Exit.BUG

    def __init__(self, wanted: str, written: str) -> None:
        super().__init__(wanted, written)
        self.wanted, self.written = wanted, written

    def __str__(self) -> str:
        return f"The commits give tree {self.written}, and {self.wanted} was to be divided."


@dataclass(frozen=True, slots=True)
class Chain:
    """How the commits are to be written.

    :param verify: Ask the commit-msg hook.
    :param signing: What `signing_options` returned.
    :param who: ``GIT_AUTHOR_*``, where the author is somebody else.
    :param encoding: Of the messages; ``None`` for what is configured.
    """

    messages: Messages
    verify: bool = True
    signing: Sequence[str] = ()
    who: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit of the chain."""

    scope: ScopeId
    commit: str
    files: int
    subject: str


def write_chain(
    top: Path,
    folder: Path,
    base: str | None,
    parts: Sequence[Part],
    chain: Chain,
    wanted: str | None,
) -> list[Committed]:
    """Write the commits and return them.

    :param base: The commit that the first one stands on.
    :param wanted: The tree that they must add up to, where that is known.
    :raises SplitBroken: They do not.
    """
    index = index_of_tree(top, base, folder / "chain")
    parent, tree = base, ""
    commits: list[Committed] = []
    for part in parts:
        index.apply(part.changes)
        tree = index.write_tree()
        message = write_message(top, folder, part, chain.messages, verify=chain.verify)
        parent = write_commit(
            top,
            tree,
            [parent] if parent is not None else [],
            message,
            signing=chain.signing,
            who=chain.who,
            encoding=chain.encoding,
        )
        subject = message.split(b"\n", 1)[0].decode("utf-8", "replace")
        commits.append(Committed(part.scope, parent, len(part.changes), subject))
    if wanted is not None and tree != wanted:
        raise SplitBroken(wanted, tree)
    return commits
