"""The rules between scopes as a gate."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from guild_plugins.git.changes import compare
from guild_plugins.git.repository import open_repository
from guild_plugins.git.snapshots import revision_tree, work_tree
from guild_plugins.graph.boundaries.gate import Gate, Subject
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import GateRequest


@hookimpl
def guild_check(request: GateRequest) -> tuple[Violation, ...] | None:
    """Judge what the work tree changes on its base, as ``guild check`` does.

    Without git there is no change to judge.
    """
    if request.base is None:
        return None
    repository = open_repository(Path(request.directory))
    tree = work_tree(repository)
    changes = compare(revision_tree(repository, request.base).entries, tree.entries)
    gate = Gate(repository, partial(read_rules, repository.top))
    verdict = gate.judge(Subject(tree, changes, is_whole=False), (request.scope.id,))
    return tuple(verdict.judged.new)
