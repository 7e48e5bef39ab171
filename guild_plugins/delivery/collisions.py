"""The check across the files of a merge of two commits: see `merge.collisions`."""

from __future__ import annotations

import os
from pathlib import Path

from guild_plugins.git.process import run_git
from guild_plugins.merge.collisions import Collision, Versions, find_collisions

_ENDINGS = (".py", ".pyi")


def collisions_between(
    repository: Path, ours: str, theirs: str, tree: str
) -> tuple[Collision, ...]:
    """Return what collides in a merge.

    :param tree: What the merge made.
    """
    base = run_git(["merge-base", "--end-of-options", ours, theirs], repository, accept=(0, 1))
    bases = base.decode().split()
    if not bases:
        return ()
    sides = [_changed(repository, bases[0], commit) for commit in (ours, theirs)]
    if not all(sides):
        return ()
    paths = _paths(repository, tree)
    names = sorted(sides[0] | sides[1])
    commits = (bases[0], ours, theirs, tree)
    texts = _read(repository, [f"{commit}:{path}" for path in names for commit in commits])
    changed = {path: Versions(*texts[at * 4 : at * 4 + 4]) for at, path in enumerate(names)}
    return find_collisions(changed, paths)


def _changed(repository: Path, base: str, commit: str) -> set[str]:
    """Return the Python files that a commit changed, those that it removed or added included."""
    command = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options"]
    output = run_git([*command, base, commit], repository)
    names = (os.fsdecode(name) for name in output.split(b"\0"))
    return {name for name in names if name.endswith(_ENDINGS) and "\n" not in name}


def _paths(repository: Path, tree: str) -> set[str]:
    output = run_git(["ls-tree", "-r", "-z", "--name-only", tree], repository)
    return {os.fsdecode(name) for name in output.split(b"\0") if name}


def _read(repository: Path, names: list[str]) -> list[bytes]:
    """Return the content of each ``commit:path``; nothing for what is not there, or no file."""
    asked = os.fsencode("\n".join(names)) + b"\n"
    output = run_git(["cat-file", "--batch"], repository, input=asked)
    texts, at = [], 0
    for name in names:
        missing = os.fsencode(name) + b" missing\n"
        if output.startswith(missing, at):
            texts.append(b"")
            at += len(missing)
            continue
        end = output.index(b"\n", at)
        _, kind, size = output[at:end].split()
        texts.append(output[end + 1 : end + 1 + int(size)] if kind == b"blob" else b"")
        at = end + 2 + int(size)
    return texts
