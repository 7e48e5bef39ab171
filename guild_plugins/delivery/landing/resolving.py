"""A branch that conflicts with trunk: trunk merged into it where it is worked on, by git itself.

The merge is git's own, with the user's merge drivers, and it is the user who commits it, with
the hooks that are installed: nothing here knows better. What git is in the middle of says how
far it has come, so that an interruption needs no recovery.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.pending import refuse_in_progress
from guild_plugins.git.process import run_git, split_names, user_environment
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository, open_repository


class NowhereToResolve(GuildError):
    """No work tree has the branch checked out."""

    slug = "nowhere-to-resolve"
    exit = Exit.NO
    remedy = "Check the branch out (git worktree add), and run it there."

    def __init__(self, branch: str) -> None:
        super().__init__(branch)
        self.branch = branch

    def __str__(self) -> str:
        return f"{self.branch} is checked out nowhere."


class NotClean(GuildError):
    """The work tree has changes of its own, which a merge would be mixed with."""

    slug = "not-clean"
    exit = Exit.NO
    remedy = "Commit or stash them first."

    def __init__(self, folder: str, paths: Sequence[str]) -> None:
        super().__init__(folder, tuple(paths))
        self.folder, self.paths = folder, tuple(paths)

    def __str__(self) -> str:
        return f"{self.folder} has changes of its own: {', '.join(self.paths[:5])}."


class StillOpen(GuildError):
    """Conflicts are left, or git did not take the commit."""

    slug = "still-open"
    exit = Exit.NO
    remedy = "Edit the files, git add them, and run it again."

    def __init__(self, folder: str, paths: Sequence[str]) -> None:
        super().__init__(folder, tuple(paths))
        self.folder, self.paths = folder, tuple(paths)

    def __str__(self) -> str:
        if not self.paths:
            return f"The merge in {self.folder} was not committed; git said why."
        return f"Conflicts are left in {self.folder}: {', '.join(self.paths)}."


@dataclass(frozen=True, slots=True)
class Resolving:
    """A merge of trunk into a branch.

    :param place: The work tree that has the branch checked out.
    """

    branch: Branch
    place: Repository

    def begin(self, trunk: str) -> list[str]:
        """Merge, and return the files that conflict; the merge is not committed yet.

        :raises InProgress: Git is in the middle of something else there.
        :raises NotClean: There are changes that nobody committed.
        """
        top = self.place.top
        if not self.is_merging:
            refuse_in_progress(self.place.git_dir)
            words = ["status", "--porcelain", "-z", "--untracked-files=no", "--no-renames"]
            changed = [name[3:] for name in split_names(run_git(words, top))]
            if changed:
                raise NotClean(str(top), changed)
            merge = ["merge", "--quiet", "--no-commit", "--no-ff", trunk]
            run_git(merge, top, accept=(0, 1))
        return self.open()

    def open(self) -> list[str]:
        """Return the files that conflict."""
        words = ["diff", "--name-only", "--diff-filter=U", "-z"]
        return list(dict.fromkeys(split_names(run_git(words, self.place.top))))

    def commit(self) -> None:
        """Commit the merge as the user would; that there is none to commit is no error.

        :raises StillOpen: Files conflict, or a hook refused.
        """
        if not self.is_merging:
            return
        left = self.open()
        top = self.place.top
        if left:
            raise StillOpen(str(top), left)
        command = ["git", "commit", "--quiet", "--no-edit"]
        done = subprocess.run(command, cwd=top, env=user_environment(os.environ), check=False)
        if done.returncode:
            raise StillOpen(str(top), ())

    @property
    def is_merging(self) -> bool:
        """Whether a merge is under way there."""
        return (self.place.git_dir / "MERGE_HEAD").exists()


def resolving(repository: Repository, branch: Branch, place: Path | None) -> Resolving:
    """Return where a branch's conflicts are resolved: in its work place, or here.

    :raises NowhereToResolve: It is not checked out in either.
    """
    for top in (place, repository.top):
        if top is not None and top.is_dir() and read_head(top).branch == branch.ref:
            return Resolving(branch, open_repository(top))
    raise NowhereToResolve(branch.ref)
