"""Merging a branch with trunk in memory, from where the branch landed last.

A landed commit has one parent, trunk. So that what the branch did before it landed is
not merged once more, the landed tips are given to trunk as further parents: in a
commit that is written for the merge alone, and that no reference ever names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.trees import NotMergeable, TreeMerge, merge_trees
from guild_plugins.git.process import run_git
from guild_plugins.git.writing import write_commit

_NOBODY: Final = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Guild"), ("EMAIL", "guild@invalid"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True, slots=True)
class Merged:
    """A branch merged with trunk.

    :param head: Trunk, or the last commit of the chain that is to become trunk.
    :param base: The commit that the branch's own change begins at.
    """

    head: str
    tip: str
    base: str
    result: TreeMerge

    @property
    def tree(self) -> str:
        """The merged tree."""
        return self.result.tree


def merge_branch(top: Path, head: str, tip: str) -> Merged:
    """Merge a branch's tip into a commit.

    :raises NotMergeable: They have no history in common.
    """
    ours = with_landed(top, head, tip)
    result = merge_trees(top, ours, tip)
    return Merged(head, tip, base_of(top, ours, tip), result)


def with_landed(top: Path, head: str, tip: str) -> str:
    """Return trunk as a merge knows it: with the tips that landed in it as parents."""
    base = base_of(top, head, tip)
    own = set(run_git(["rev-list", tip, f"^{head}", "--"], top).decode().split())
    landed = [one.tip for one in landings_in(top, [f"{base}..{head}"]) if one.tip in own]
    if not landed:
        return head
    return write_commit(top, tree_of(top, head), [head, *landed], b"trunk\n", who=_NOBODY)


def base_of(top: Path, ours: str, theirs: str) -> str:
    """Return the commit at which two parted.

    :raises NotMergeable: They share nothing.
    """
    found = run_git(["merge-base", ours, theirs], top, accept=(0, 1)).decode().split()
    if not found:
        raise NotMergeable(ours, theirs)
    return found[0]


def tree_of(top: Path, commit: str) -> str:
    """Return a commit's tree."""
    return run_git(["rev-parse", "--verify", f"{commit}^{{tree}}"], top).decode().strip()
