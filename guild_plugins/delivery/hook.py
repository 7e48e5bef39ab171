"""What a git hook asks: may this be committed?

Reads the index that git passes (of a partial commit, that is a file of its own) and
nothing of the work tree; changes nothing. The project's scopes are read only on a
scope's branch, and the cost follows what is staged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.table import LeaseTable
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.gates import Setting, claims_on, in_the_way, strangers
from guild_plugins.delivery.names import scope_of_branch
from guild_plugins.git.index import Index, staged_paths
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository
from guild_plugins.scopes.model import ScopeId

OwnerOf = Callable[[str], ScopeId]


def before_commit(
    repository: Repository,
    environ: Mapping[str, str],
    cwd: Path,
    owners_in: Callable[[Index], OwnerOf],
) -> list[str]:
    """Return what speaks against committing what is staged.

    :param owners_in: Returns the ownership that an index has. It is asked on a scope's
        branch only, and passed in because its import costs more than all of this.
    :param environ: As git gave it to the hook; ``GIT_INDEX_FILE`` is relative to ``cwd``.
    """
    file = cwd / environ.get("GIT_INDEX_FILE", str(repository.git_dir / "index"))
    index, head = Index(repository.top, file), read_head(repository.top)
    paths = staged_paths(index, head.commit)
    if not paths:
        return []
    leases = Leases(Journal(place_in(repository.common_dir)))
    leases.tend()
    holder = for_command(name_here(repository.top, environ), environ)
    setting = Setting(head.branch, holder, leases.facts())
    return [
        *_ended(setting, shown_leases(environ)),
        *in_the_way(claims_on(paths), setting),
        *_foreign(index, scope_of_branch(head.branch), paths, owners_in),
    ]


def _ended(setting: Setting, shown: Sequence[tuple[str, int]]) -> Iterator[str]:
    table = LeaseTable(setting.leases)
    for lease, generation in shown:
        if not table.is_valid(lease, generation, here.now()):
            yield f"lease {lease}, which this works under, is over or was taken over"


def _foreign(
    index: Index,
    scope: ScopeId | None,
    paths: Sequence[str],
    owners_in: Callable[[Index], OwnerOf],
) -> Iterator[str]:
    """Name the paths on a scope's branch that are not the scope's."""
    if scope is None:
        return
    owner_of = owners_in(index)
    owners: dict[ScopeId, list[str]] = {}
    for path in paths:
        owners.setdefault(owner_of(path), []).append(path)
    for owner, owned in sorted(owners.items()):
        if owner != scope:
            yield from strangers(owner, scope, owned)
