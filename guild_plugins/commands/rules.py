"""What commands that judge or follow imports have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guild_plugins.git.repository import Repository
    from guild_plugins.git.trees import Tree
    from guild_plugins.graph.boundaries.rulebook import RuleBook


def rules_of(repository: Repository) -> Callable[[Tree], RuleBook]:
    """Return what reads the rules of a tree of a repository.

    What reads them is imported when it is asked: a hook that knows the rules
    already does not pay for it.
    """

    def read_rules(tree: Tree) -> RuleBook:
        from guild_plugins.graph.boundaries import reading

        return reading.read_rules(repository.top, tree)

    return read_rules


def base_argument(parser: argparse.ArgumentParser) -> None:
    """Add what says where a change begins."""
    parser.add_argument(
        "--base", metavar="REV", default="HEAD", help="what to compare with (default: HEAD)"
    )
    parser.add_argument(
        "--environment",
        metavar="FILE",
        type=Path,
        help="what the base was tested in (see guild affected --save-environment); "
        "all tests are affected where that differs, or there is no such file",
    )
