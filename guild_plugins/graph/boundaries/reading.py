"""Reading the rules of a tree: its configuration, or the scopes that it is found to have.

Apart from `rulebook`, since a hook whose rules are kept does without all of this.
"""

from __future__ import annotations

from pathlib import Path

from guild_plugins.git.trees import Tree
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.reading import read_imports
from guild_plugins.graph.roots import import_roots, is_project_file
from guild_plugins.scopes.project import Project, load_project
from guild_plugins.scopes.tree import SnapshotTree


def read_rules(root: Path, tree: Tree) -> RuleBook:
    """Read the rules of a tree from its configuration, or discover what scopes it has.

    :raises ConfigInvalid: The configuration cannot be used.
    """
    project = read_project(root, tree)
    roots = project.rules.source_roots
    if roots is None:
        projects = [path for path in tree.entries if is_project_file(path)]
        roots = import_roots(SnapshotTree(tree), projects)
    is_configured = project.origin == "configured"
    return RuleBook(project.scopes, project.rules, roots, project.barriers, is_configured)


def read_project(root: Path, tree: Tree) -> Project:
    """Read the scopes of a tree from its configuration, or discover them.

    :raises ConfigInvalid: The configuration cannot be used.
    """
    snapshot = SnapshotTree(tree)

    def imports_of(path: str) -> set[str] | None:
        content = snapshot.read(path)
        return set(read_imports(content).modules) if content is not None else None

    return load_project(root, snapshot.files, imports_of=imports_of, tree=lambda _: snapshot)
