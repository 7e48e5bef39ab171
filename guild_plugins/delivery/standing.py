"""Whether each commit of a chain stands on its own tree: the rules between scopes.

A commit that takes something away is not held to what a later one of the same chain
mends: all of them become the branch's at once. Such a later one is judged as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from guild_plugins.delivery.split import Part
from guild_plugins.git.changes import tree_changes
from guild_plugins.git.index import Index, empty_tree, index_of_tree
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.graph.boundaries.gate import Gate, Subject
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.scopes.model import ScopeId

_MENDABLE: Final = ("breaking", "missing")
_OTHERS: Final = "ownership"
"""Whose branch it is, other gates judge."""

Refused = tuple[tuple[ScopeId, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Judges the trees of a chain.

    :param folder: For an index to work with.
    :param base: The commit that the chain stands on; ``None`` for none.
    """

    repository: Repository
    folder: Path
    base: str | None

    def judge(self, parts: Sequence[Part], *, partial: bool = False) -> tuple[list[Part], Refused]:
        """Return the shares that may be committed one after the other, and why others may not.

        :param partial: Leave out those that may not, and go on without them.
        """
        passing, refused = self._each(parts, partial=partial)
        late = self._together(passing) if not refused or partial else {}
        if late and partial:
            rest = [part for part in passing if part.scope not in late]
            passing, more = self.judge(rest, partial=True)
            return passing, (*refused, *late.items(), *more)
        return passing, (*refused, *late.items())

    def _each(self, parts: Sequence[Part], *, partial: bool) -> tuple[list[Part], Refused]:
        """Judge each share on its own tree."""
        index, before = self._start()
        passing: list[Part] = []
        refused: list[tuple[ScopeId, tuple[str, ...]]] = []
        for number, part in enumerate(parts):
            index.apply(part.changes)
            after = index.write_tree()
            rest = () if partial else parts[number + 1 :]
            mended = {change.path for later in rest for change in later.changes}
            found = tuple(_findings(self._violations(before, after), mended))
            if found:
                refused.append((part.scope, found))
            if found and partial:
                index.run(["read-tree", before])
                continue
            passing.append(part)
            before = after
        return passing, tuple(refused)

    def _together(self, parts: Sequence[Part]) -> dict[ScopeId, tuple[str, ...]]:
        """Judge what all shares change: an import may lead to what only a later one adds."""
        if len(parts) < 2:
            return {}
        index, before = self._start()
        index.apply([change for part in parts for change in part.changes])
        found: dict[ScopeId, list[str]] = {}
        scopes = [part.scope for part in parts]
        for one in self._violations(before, index.write_tree()):
            scope = one.scope if one.scope in scopes else scopes[0]
            found.setdefault(scope, []).extend(_findings(iter([one]), ()))
        return {scope: tuple(texts) for scope, texts in found.items()}

    def _start(self) -> tuple[Index, str]:
        """Return an index of what the chain stands on, and that as a tree."""
        top = self.repository.top
        index = index_of_tree(top, self.base, self.folder / "standing")
        return index, index.write_tree() if self.base is not None else empty_tree(top)

    def _violations(self, before: str, after: str) -> Iterator[Violation]:
        gate = Gate(self.repository, partial(read_rules, self.repository.top))
        changes = tree_changes(self.repository, before, after)
        tree = revision_tree(self.repository, after)
        verdict = gate.judge(Subject(tree, changes, is_whole=False, base=before))
        yield from (v for v in verdict.judged.new if not v.is_warning and v.rule != _OTHERS)


def _findings(violations: Iterator[Violation], mended: Collection[str]) -> Iterator[str]:
    for one in violations:
        if one.rule not in _MENDABLE or one.path not in mended:
            yield f"{one.path}:{one.line}: {one.rule}: {one.message}"
