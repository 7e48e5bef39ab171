"""All rules in the order in which they are tried, each with its measured rate.

The rate is the share of conflicts of real merges in which people made the same
of it, not counting those in which they wrote something new or took one side of
the whole file; for ``pairs`` and ``tokens-shared`` it is an estimate, as there
were too few (see ``docs/merge.md``). It decides what becomes of a merge (see
``engine``): a rule moves between accepting and proposing by being measured again.
"""

from __future__ import annotations

from _collections_abc import Callable

from guild_plugins.merge.kinds import PYTHON
from guild_plugins.merge.rules import (
    additions,
    contained,
    entries,
    imports,
    items,
    reformatted,
    releases,
    superseded,
    tokens,
    versions,
    whitespace,
)
from guild_plugins.merge.rules.sides import BUSY, CALM, USUAL, Lines, Place, Sides


class Rule:
    """A rule by its name, and how often it is right.

    Rules on words are right more often in a file of which one side changed
    nothing else (``calm``), and less often where both changed much (``busy``).
    ``elsewhere`` is the rate in files that are not Python, where it is another.
    """

    __slots__ = ("elsewhere", "name", "rates", "settle")

    def __init__(
        self,
        name: str,
        rate: float,
        settle: Callable[[Sides, Place], Lines | None],
        *,
        calm: float | None = None,
        busy: float | None = None,
        elsewhere: float | None = None,
    ) -> None:
        self.name, self.settle, self.elsewhere = name, settle, elsewhere
        self.rates = {CALM: rate if calm is None else calm, BUSY: rate if busy is None else busy}
        self.rates[USUAL] = rate

    def rate(self, place: Place) -> float:
        """Return how often the rule is right in a file like the one of a place."""
        if self.elsewhere is not None and place.kind != PYTHON:
            return self.elsewhere
        return self.rates[place.pace]


def _never(sides: Sides, place: Place) -> None:
    """Settle nothing: the rule is applied by `settle` itself."""


ADJACENT = Rule("adjacent", 0.80, _never, calm=0.86, busy=0.70, elsewhere=0.58)
"""Changes that touch and do not overlap; each part may need another rule."""

ADJACENT_ADDED = Rule("adjacent-added", 0.70, _never, busy=0.50, elsewhere=0.60)
"""The same, where one side only put lines beside what the other changed."""

ADJACENT_REMOVED = Rule("adjacent-removed", 0.93, _never)
"""The same, where both sides removed lines."""

RULES = (
    Rule("whitespace", 0.89, whitespace.settle),
    Rule("versions", 0.97, versions.settle),
    Rule("imports", 0.92, imports.settle),
    Rule("imports-moved", 0.62, imports.settle_moved, calm=0.78),
    Rule("contained", 0.95, contained.settle_lines),
    Rule("contained-edits", 0.66, tokens.settle_contained, calm=0.90),
    Rule("contained-words", 0.90, contained.settle_words, elsewhere=0.60),
    Rule("reformatted", 0.94, reformatted.settle),
    Rule("relaid", 0.67, reformatted.settle_relaid),
    Rule("items", 0.88, items.settle),
    Rule("definitions", 0.92, additions.settle_definitions),
    Rule("entries", 0.95, entries.settle),
    Rule("headed", 0.88, entries.settle_headed),
    Rule("maintained", 0.90, releases.settle_maintained),
    Rule("begun", 0.71, releases.settle_begun),
    Rule("pending", 0.71, releases.settle_pending),
    Rule("releases", 0.60, releases.settle),
    Rule("paragraphs", 0.82, entries.settle_texts),
    Rule("pairs", 0.70, additions.settle_pairs),
    Rule("tokens-shared", 0.67, tokens.settle_shared),
    Rule("tokens-apart", 0.65, tokens.settle_apart, calm=0.96),
    Rule("tokens-apart-grown", 0.65, tokens.settle_apart_grown, calm=0.83),
    Rule("tokens", 0.80, tokens.settle),
    Rule("tokens-grown", 0.70, tokens.settle_grown, busy=0.25),
    Rule("statements", 0.90, additions.settle_statements),
    Rule("superseded", 0.59, superseded.settle),
)

NAMES = frozenset(rule.name for rule in (*RULES, ADJACENT, ADJACENT_ADDED, ADJACENT_REMOVED))
"""The names of all rules: each may be switched off."""
