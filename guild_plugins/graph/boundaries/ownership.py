"""Whether a change that belongs to one scope stays within that scope's paths. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from guild_plugins.git.changes import Change
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.scopes.model import ScopeId

_BRANCH = "refs/heads/guild/"


def judge_ownership(
    book: RuleBook, changes: Iterable[Change], allowed: frozenset[ScopeId]
) -> Iterator[Violation]:
    """Yield each changed path that belongs to another scope than those allowed."""
    names = ", ".join(sorted(allowed))
    for change in changes:
        owner = book.owner_of(change.path)
        if owner not in allowed:
            scope = book.scope(owner)
            yield Violation(
                "ownership",
                change.path,
                1,
                f"belongs to {owner}, and this change to {names}",
                owner,
                names,
                f"Make this change apart, as one of {owner}.",
                owners=scope.owners,
            )


def scope_of_branch(head: str, scopes: Iterable[ScopeId]) -> ScopeId | None:
    """Return the scope that a branch ``guild/TASK/SCOPE`` is for.

    :param head: What ``HEAD`` says: ``ref: refs/heads/...``, or a commit.
    """
    ref = head.removeprefix("ref:").strip()
    name = ref.rpartition("/")[2]
    is_ours = ref.startswith(_BRANCH) and ref.count("/") == _BRANCH.count("/") + 1
    return name if is_ours and name in set(scopes) else None
