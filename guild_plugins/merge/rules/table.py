"""All rules in the order in which they are tried, each with its measured rate.

The rate is the share of real conflicts of the development repositories in which
people made the same of it, not counting those in which they wrote something new
or took one side of the whole file (``docs/merge.md`` says how it is measured). It
decides what becomes of a merge (see ``engine``), so a rule is moved between
accepting and proposing by measuring it again, not by opinion.
"""

from __future__ import annotations

from collections.abc import Callable

from guild_plugins.merge.rules import (
    additions,
    contained,
    imports,
    items,
    reformatted,
    tokens,
    versions,
    whitespace,
)
from guild_plugins.merge.rules.sides import Lines, Place, Sides


class Rule:
    """A rule by its name, and how often it is right."""

    __slots__ = ("name", "rate", "settle")

    def __init__(
        self, name: str, rate: float, settle: Callable[[Sides, Place], Lines | None]
    ) -> None:
        self.name, self.rate, self.settle = name, rate, settle


def _never(sides: Sides, place: Place) -> None:
    """Settle nothing: the rule is applied by `settle` itself."""


ADJACENT = Rule("adjacent", 0.62, _never)
"""Changes that touch and do not overlap; each part may need another rule."""

RULES = (
    Rule("whitespace", 0.97, whitespace.settle),
    Rule("versions", 0.97, versions.settle),
    Rule("imports", 0.80, imports.settle),
    Rule("contained", 0.89, contained.settle_lines),
    Rule("contained-edits", 0.90, tokens.settle_contained),
    Rule("contained-words", 0.88, contained.settle_words),
    Rule("reformatted", 0.86, reformatted.settle),
    Rule("items", 0.86, items.settle),
    Rule("definitions", 0.94, additions.settle_definitions),
    Rule("entries", 0.84, additions.settle_entries),
    Rule("paragraphs", 0.77, additions.settle_texts),
    Rule("pairs", 0.60, additions.settle_pairs),
    Rule("tokens-shared", 0.80, tokens.settle_shared),
    Rule("tokens-apart", 0.76, tokens.settle_apart),
    Rule("tokens", 0.67, tokens.settle),
)

SURE = 0.96
"""A rule that is right this often may settle one place of a file in which another stays open."""
