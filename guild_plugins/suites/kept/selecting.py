"""``--guild-affected``: only the test files that the work tree's changes can affect."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import pytest

from guild_plugins.git.repository import find_repository
from guild_plugins.graph.affected import find_affected
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.impact import Impact
from guild_plugins.scopes.project import Project
from guild_plugins.suites.kept.circumstances import foreign_names
from guild_plugins.suites.kept.records import Input
from guild_plugins.suites.kept.store import Store
from guild_plugins.suites.plan import Candidate
from guild_plugins.suites.words import things


def only_affected(
    config: pytest.Config, project: Project, candidates: list[Candidate], notes: list[str]
) -> list[Candidate]:
    """Return the files that a change can affect, by the import graph or by what they were seen
    to read when they last ran with ``--guild-cache``.

    Of what is no Python file (text with doctests, what a plugin collects) all of an affected
    scope is run.

    :raises UnknownRevision: There is no such base.
    """
    repository = find_repository(project.root)
    if repository is None or repository.top != project.root:
        notes.append("--guild-affected selects nothing: the tests are in no git repository")
        return candidates
    base = config.option.guild_base
    impact, book = find_affected(
        repository, base, partial(read_rules, project.root), foreign=foreign_names()
    )
    paths = [_relative(candidate, project) for candidate in candidates]
    store = Store(repository.common_dir / "guild")
    seen = store.inputs_of(path for path in paths if not is_affected(impact, path))
    store.close()
    chosen = [
        candidate
        for candidate, path in zip(candidates, paths, strict=True)
        if is_affected(impact, path)
        or reads_affected(impact, seen.get(path, ()))
        or (not path.endswith(".py") and book.owner_of(path) in impact.scopes)
    ]
    notes.append(
        f"{len(chosen)} of {things(len(candidates), 'file')} can be affected by "
        f"{things(len(impact.changed), 'changed file')} since {base} "
        f"('guild affected --base {base} --explain' says why)"
    )
    return chosen


def is_affected(impact: Impact, path: str) -> bool:
    """Say whether the import graph, or a rule of the project, leads from the change to a file."""
    return path in impact.links or path in impact.changed


def reads_affected(impact: Impact, inputs: Sequence[Input]) -> bool:
    """Say whether something that a file was seen to read is changed or affected."""
    changed = set(impact.changed)
    return any(
        (given.kind == "closure" and is_affected(impact, given.what))
        or (given.kind == "file" and given.what in changed)
        or (
            given.kind == "place"
            and any(path == given.what or _lies_in(path, given.what) for path in changed)
        )
        or (given.kind == "folder" and any(_lies_in(path, given.what) for path in changed))
        or (given.kind == "name" and _may_be(given.what.rpartition(" ")[2], changed))
        for given in inputs
    )


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/" if folder else "")


def _may_be(name: str, changed: set[str]) -> bool:
    """Say whether a changed file may be the module of a name that nothing was found for."""
    ends = tuple(f"/{name.replace('.', '/')}{end}" for end in (".py", "/__init__.py"))
    return any(f"/{path}".endswith(ends) for path in changed)


def _relative(candidate: Candidate, project: Project) -> str:
    return os.path.relpath(candidate.found.path, project.root).replace(os.sep, "/")
