"""What is proven, handed to another queue: as branches, or as patches; trunk is not moved.

A hosted queue (GitHub's, GitLab's trains, somebody's mailbox) moves trunk itself. It gets the
commits that would have been landed, each on top of the one before, with their trailers: where
trunk becomes them, ``guild verify`` and ``guild status`` know them as landings.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.site import Link, Site
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import ANY_REMOTE, run_git
from guild_plugins.git.refs import move_ref, read_ref

PREFIX: Final = "refs/heads/landing/"


class FolderTaken(GuildError):
    """The folder for patches has something in it."""

    slug = "folder-taken"
    exit = Exit.USAGE
    remedy = "Name a folder that is not there, or empty it: patches of two times do not mix."

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"{self.folder} is not an empty folder."


@dataclass(frozen=True, slots=True)
class AsBranches:
    """A branch ``landing/TASK/SCOPE`` for each, here, or at the remote whose branch trunk is."""

    def __call__(self, site: Site, chain: Sequence[Link]) -> dict[Branch, str]:
        """Move the branches to the commits; return what each is handed over as."""
        names = {link.branch: f"{PREFIX}{link.branch.name}" for link in chain}
        if site.wish.remote is not None:
            pairs = [f"{link.commit}:{names[link.branch]}" for link in chain]
            words = ["push", "--porcelain", "--atomic", "--force", "--no-follow-tags", "--"]
            run_git([*words, site.wish.remote, *pairs], site.top, extra_env=ANY_REMOTE)
            return names
        for link in chain:
            name = names[link.branch]
            old = read_ref(site.top, name)
            if old != link.commit:
                move_ref(site.top, name, new=link.commit, old=old, message="guild land")
        return names


@dataclass(frozen=True, slots=True)
class AsPatches:
    """A file for each, in the order in which ``git am`` takes them.

    :param folder: It is made; if it is there, it has to be empty.
    """

    folder: Path

    def check(self) -> None:
        """Look before anything is tested.

        :raises FolderTaken: Something is in the folder.
        """
        try:
            taken = any(self.folder.iterdir())
        except FileNotFoundError:
            return
        except NotADirectoryError:
            taken = True
        if taken:
            raise FolderTaken(str(self.folder))

    def __call__(self, site: Site, chain: Sequence[Link]) -> dict[Branch, str]:
        """Write the files, all or none; return what each is handed over as."""
        self.check()
        draft = site.work.folder / "patches"
        words = ["format-patch", "--quiet", "--full-index", "--binary", "--no-signature"]
        words += ["--no-attach", "--no-thread", "--no-cover-letter", "--no-signoff"]
        words += ["--subject-prefix=PATCH", "--src-prefix=a/", "--dst-prefix=b/"]
        span = f"{chain[0].merged.head}..{chain[-1].commit}"
        run_git([*words, f"--output-directory={draft}", span, "--"], site.top)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        beside = self.folder.with_name(f".{self.folder.name}.{site.work.id}")
        try:
            shutil.copytree(draft, beside)
            beside.rename(self.folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        files = sorted(self.folder.iterdir())
        return {link.branch: str(file) for link, file in zip(chain, files, strict=True)}
