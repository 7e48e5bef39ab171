"""What a git hook asks: may this be committed?

Reads the index that git passes (of a partial commit, that is a file of its own) and
nothing of the work tree; changes nothing. The project's scopes are read only on a
scope's branch, leases only where there are any, and the cost follows what is staged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guild_plugins.coordination.glance import any_leases
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.names import scope_of_branch
from guild_plugins.delivery.strangers import strangers
from guild_plugins.git.index import Index, staged_paths
from guild_plugins.git.pending import merged_heads
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository

OwnerOf = Callable[[str], str]


class Means(NamedTuple):
    """What is asked only where it is needed, since importing it costs more than all of this.

    What is ``None`` is not asked at all.

    :param owners_in: Returns the ownership that an index has, given the commit that it
        differs from, and in which paths.
    :param judge_leases: Returns what leases speak against paths on a branch.
    """

    owners_in: Callable[[Index, str | None, Sequence[str]], OwnerOf] | None
    judge_leases: Callable[[Repository, str | None, Sequence[str]], Sequence[str]] | None


def before_commit(
    repository: Repository, environ: Mapping[str, str], cwd: Path, means: Means
) -> list[str]:
    """Return what speaks against committing what is staged.

    :param environ: As git gave it to the hook; ``GIT_INDEX_FILE`` is relative to ``cwd``.
    """
    file = cwd / environ.get("GIT_INDEX_FILE", str(repository.git_dir / "index"))
    index, head = Index(repository.top, file), read_head(repository.top)
    scope, staged = scope_of_branch(head.branch), staged_paths(index, head.commit)
    paths = staged
    if scope is not None and paths:
        # What a merge brings is others' work, and was judged when they committed it.
        for other in merged_heads(repository.git_dir, environ):
            paths = sorted({*paths} & {*staged_paths(index, other)})
    if not paths:
        return []
    findings: list[str] = []
    shows = environ.get("GUILD_LEASES") or environ.get("GUILD_REMOTE_LEASES")
    has_leases = shows or any_leases(place_in(repository.common_dir))
    if means.judge_leases is not None and has_leases:
        findings += means.judge_leases(repository, head.branch, paths)
    if scope is not None and means.owners_in is not None:
        findings += foreign(scope, paths, means.owners_in(index, head.commit, staged))
    return findings


def foreign(scope: str, paths: Sequence[str], owner_of: OwnerOf) -> Iterator[str]:
    """Name the paths on a scope's branch that are not the scope's."""
    owners: dict[str, list[str]] = {}
    for path in paths:
        owners.setdefault(owner_of(path), []).append(path)
    for owner, owned in sorted(owners.items()):
        if owner != scope:
            yield from strangers(owner, scope, owned)
