"""Paths that are left out of what git is asked about: files beside the work, such as secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from guild_plugins.git.process import split_names

MAGIC: Final = {"GIT_LITERAL_PATHSPECS": "0"}
"""Variables for the command that gets what `without` returns."""


def without(ask: Callable[[list[str]], bytes], paths: Collection[str]) -> list[str]:
    """Return arguments for git that name all of a work tree but some paths.

    Paths that git has are not left out, and of one that it ignores it wants to hear nothing.
    No arguments where that leaves none: all is meant then.

    :param ask: Runs git at the top of the work tree.
    """
    if not paths:
        return []
    command = ["ls-files", "-z", "--others", "--exclude-standard", "--"]
    left = split_names(ask([*command, *sorted(paths)]))
    return ["--", ".", *(f":(top,exclude,literal){path}" for path in left)] if left else []
