"""What a work tree holds, as a tree: to be kept, or compared with what it held before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.git.apart import MAGIC, without
from guild_plugins.git.process import run_git, split_names
from guild_plugins.git.refs import DURABLE
from guild_plugins.git.writing import write_commit

SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a work tree holds; ignored files are left out.

    :param files: The files as they lie there, as a tree.
    :param staged: The index as a tree.
    :param odd: Why the trees do not tell all; ``None`` where they do.
    """

    files: str
    staged: str
    odd: str | None = None


def read_contents(
    git_dir: Path, work_tree: Path, scratch: Path, apart: Collection[str] = ()
) -> Contents:
    """Write what a work tree holds as trees, without touching its index.

    :param git_dir: The work tree's own git directory.
    :param scratch: A folder for an index to work with.
    :param apart: Paths to leave out, unless git has them.
    """
    index = scratch / "contents"
    with suppress(FileNotFoundError):
        shutil.copy2(git_dir / "index", index)
    ask = _Ask(git_dir, work_tree, index)
    if ask("ls-files", "-z", "--unmerged"):
        return Contents("", "", "its index has conflicts")
    staged = ask("write-tree").decode().strip()
    hidden = _hidden(ask, work_tree)
    if hidden is not None:
        return Contents("", staged, f"changes of {hidden!r} are hidden from git")
    before = set(_submodules(ask))
    ask("add", "--all", *without(lambda words: ask(*words), apart))
    nested = sorted(set(_submodules(ask)) - before)
    odd = f"{nested[0]!r} is a repository of its own" if nested else None
    files = ask("write-tree").decode().strip()
    index.unlink(missing_ok=True)
    return Contents(files, staged, odd)


def write_backup(top: Path, contents: Contents, tip: str, message: str) -> str:
    """Write a commit that keeps what a work tree holds, on top of its tip, and return it.

    What is staged is a commit of its own, and its second parent, where it differs.
    """
    text = f"{message}\n".encode()
    parents = [tip]
    if contents.staged != contents.files:
        parents.append(write_commit(top, contents.staged, [tip], b"what was staged\n"))
    return write_commit(top, contents.files, parents, text)


@dataclass(frozen=True, slots=True)
class _Ask:
    """Git, on a work tree wherever it lies, with an index of our own."""

    git_dir: Path
    work_tree: Path
    index: Path

    def __call__(self, *args: str) -> bytes:
        places = {
            "GIT_DIR": str(self.git_dir),
            "GIT_WORK_TREE": str(self.work_tree),
            "GIT_INDEX_FILE": str(self.index),
        }
        magic = MAGIC if args[0] == "add" else {}
        return run_git(args, self.work_tree, extra_env={**DURABLE, **places, **magic})


def _hidden(ask: _Ask, work_tree: Path) -> str | None:
    """Return a file that git was told not to look at, if there is one that lies there."""
    for line in split_names(ask("ls-files", "-z", "-v")):
        flag, path = line[0], line[2:]
        if flag.islower() or (flag == "S" and os.path.lexists(work_tree / path)):
            return path
    return None


def _submodules(ask: _Ask) -> list[str]:
    lines = split_names(ask("ls-files", "-z", "--stage"))
    return [line.partition("\t")[2] for line in lines if line.startswith(SUBMODULE)]
