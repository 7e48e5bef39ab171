"""The Python files that both sides of a merge changed, for the checks across them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from guild_plugins.git.process import run_git
from guild_plugins.merge.lost import Versions

_ENDINGS = (".py", ".pyi")


class BothSides(NamedTuple):
    """The Python files that both sides of a merge changed, in all versions.

    :param changed: By path.
    :param sides: The paths that ours changed, and those that theirs changed.
    :param paths: All paths of the merged tree.
    """

    changed: dict[str, Versions]
    sides: tuple[set[str], set[str]]
    paths: set[str]


def read_both(repository: Path, base: str, ours: str, theirs: str, tree: str) -> BothSides | None:
    """Return what both sides changed; ``None`` where one of them changed no Python."""
    sides = _changed(repository, base, ours), _changed(repository, base, theirs)
    if not all(sides):
        return None
    names = sorted(sides[0] | sides[1])
    changed = read_versions(repository, names, (base, ours, theirs, tree))
    return BothSides(changed, sides, _paths(repository, tree))


def read_versions(
    repository: Path, names: Sequence[str], commits: tuple[str, str, str, str]
) -> dict[str, Versions]:
    """Return files in base, ours, theirs and merged, by path."""
    texts = _read(repository, [f"{commit}:{path}" for path in names for commit in commits])
    return {path: Versions(*texts[at * 4 : at * 4 + 4]) for at, path in enumerate(names)}


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
