"""Trees and rules in memory, for tests of what is pure given a graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from guild_plugins.git.trees import MemoryTree
from guild_plugins.graph.boundaries.chains import judge_chains
from guild_plugins.graph.boundaries.direct import judge_file
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Violation, in_order
from guild_plugins.graph.graph import ImportGraph


def opened(files: Mapping[str, str]) -> tuple[RuleBook, ImportGraph]:
    """Return the rules and the graph of files, one of which is the configuration."""
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    book = read_rules(Path("/p"), tree)
    return book, ImportGraph(tree, book.roots)


def judge(files: Mapping[str, str]) -> tuple[Violation, ...]:
    """Return all that files break."""
    book, graph = opened(files)
    direct = [v for path in graph.files for v in judge_file(book, graph, path)]
    return in_order([*direct, *judge_chains(book, graph)])


def scopes(**rest: str) -> str:
    """Return a configuration of scopes ``a``, ``b``, ``c``, each a folder, with these lines."""
    lines = [rest.pop("top", "")]
    for name in ("a", "b", "c"):
        lines += [f"[scopes.{name}]", f'paths = ["{name}"]', rest.get(name, "")]
    return "\n".join(lines)
