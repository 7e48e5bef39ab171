"""Where a repository is, and which files it has.

Finding it reads a few small files and starts no process: the pytest plugin and
every hook do it first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import run_git, split_names


class NoRepository(GuildError):
    """A directory lies in no git work tree."""

    slug = "no-repository"
    exit = Exit.UNSUPPORTED
    remedy = "Run this inside a clone, or name one with guild -C DIR."

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} lies in no git work tree."


class Repository(NamedTuple):
    """One work tree of a repository: its top level, and its git directories."""

    top: Path
    git_dir: Path
    """This work tree's own state: its index and ``HEAD``."""
    common_dir: Path
    """What all work trees share; Guild's state lies here."""


def find_repository(start: Path) -> Repository | None:
    """Return the repository that a directory lies in; ``None`` where there is none.

    A bare repository has no work tree and is not found. ``GIT_DIR`` is not
    asked: hooks set it, and it may name another repository than the one meant.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - as git does: links are kept
    for folder in (start, *start.parents):
        git_dir = _git_dir(folder / ".git")
        if git_dir is not None:
            return Repository(folder, git_dir, _common_dir(git_dir))
    return None


def open_repository(start: Path) -> Repository:
    """Return the repository that a directory lies in.

    :raises NoRepository: There is none, or it has no work tree.
    """
    found = find_repository(start)
    if found is None:
        raise NoRepository(str(start))
    return found


def list_files(folder: Path) -> list[str]:
    """List the files below a folder that are tracked, or untracked and not ignored.

    Paths are relative to the folder, with ``/``, sorted. Links are files;
    submodules, and files deleted from the work tree, are left out.

    :raises GitFailed: The folder is in no repository that git would read.
    """
    output = run_git(
        ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"], folder
    )
    base = f"{folder}{os.sep}"
    return sorted(name for name in set(split_names(output)) if _is_file(base + name))


def _is_file(path: str) -> bool:
    return os.path.isfile(path) or os.path.islink(path)  # noqa: PTH113, PTH114 - once per file


def _git_dir(entry: Path) -> Path | None:
    """Read ``.git``: a directory with a ``HEAD``, or a file that points to one."""
    if (entry / "HEAD").exists() or (entry / "HEAD").is_symlink():
        return entry
    if not entry.is_file():
        return None
    text = _first_line(entry)
    if not text.startswith("gitdir:"):
        return None
    target = entry.parent / text.removeprefix("gitdir:").strip()
    return Path(os.path.normpath(target)) if target.is_dir() else None


def _common_dir(git_dir: Path) -> Path:
    text = _first_line(git_dir / "commondir")
    return Path(os.path.normpath(git_dir / text)) if text else git_dir


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return os.fsdecode(file.readline(65536)).rstrip("\r\n")
    except OSError:
        return ""
