"""What a push would publish: which commits, and whose paths they change.

The commits are judged as they are, so that what a rebase, a cherry-pick or
``--no-verify`` brought past the other hooks does not slip through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from guild_plugins.delivery.hook import OwnerOf, foreign
from guild_plugins.delivery.names import scope_of_branch
from guild_plugins.git.index import Index, index_of_tree
from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.git.repository import Repository


class Update(NamedTuple):
    """One line that git gives the pre-push hook.

    :param old: What the remote has; ``None`` where it has no such reference.
    """

    local: str
    new: str
    remote: str
    old: str | None

    @property
    def branch(self) -> str:
        """The branch that the commits are for."""
        return self.remote if scope_of_branch(self.remote) else self.local


def updates_in(text: str) -> Iterator[Update]:
    """Yield the branches that a push would move; removals and tags are not judged."""
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) == 4 and words[1].strip("0") and words[2].startswith("refs/heads/"):
            local, new, remote, old = words
            yield Update(local, new, remote, old if old.strip("0") else None)


def outgoing(repository: Repository, update: Update, remote: str) -> list[str]:
    """Return the commits that the remote does not have, the newest first; no merges.

    :param remote: Its name, or its address where it has none.
    """
    known = _known(repository, update, remote)
    words = run_git(["rev-list", "--no-merges", update.new, *known, "--"], repository.top)
    return words.decode().split()


def base_of(repository: Repository, update: Update, remote: str) -> str | None:
    """Return the commit that the outgoing ones begin at; ``None`` where they have no parent."""
    known = _known(repository, update, remote)
    refs = [word.removeprefix("^") for word in known]
    if not refs:
        return None
    found = run_git(["merge-base", update.new, *refs], repository.top, accept=(0, 1))
    return found.decode().strip() or None


def strange_commits(
    repository: Repository,
    update: Update,
    commits: list[str],
    owners_in: Callable[[Index], OwnerOf],
    scratch: Path,
) -> Iterator[str]:
    """Name the commits for a scope's branch that change paths of other scopes.

    :param scratch: A file that does not exist yet, for an index.
    """
    scope = scope_of_branch(update.branch)
    if scope is None or not commits:
        return
    owner_of = owners_in(index_of_tree(repository.top, update.new, scratch))
    for commit in commits:
        options = ["-r", "-z", "--root", "--name-only", "--no-commit-id", "--no-renames"]
        paths = split_names(run_git(["diff-tree", *options, commit], repository.top))
        for finding in foreign(scope, paths, owner_of):
            yield f"{commit[:10]}: {finding}"


def _known(repository: Repository, update: Update, remote: str) -> list[str]:
    """Return what the remote has already, as revisions that are left out."""
    form = ["for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}/"]
    known = set(run_git(form, repository.top).decode().split())
    if update.old is not None and _exists(repository, update.old):
        known.add(update.old)
    return [f"^{commit}" for commit in sorted(known)]


def _exists(repository: Repository, commit: str) -> bool:
    try:
        run_git(["cat-file", "-e", f"{commit}^{{commit}}"], repository.top)
    except GitFailed:
        return False
    return True
