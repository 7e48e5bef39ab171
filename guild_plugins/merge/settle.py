"""Settle one conflict by the rules: whole, or cut where changes only touch."""

from __future__ import annotations

from guild_plugins.merge.diff3 import CONFLICT, THEIRS, Alignment
from guild_plugins.merge.result import Settlement
from guild_plugins.merge.rules.sides import Lines, Place, Sides
from guild_plugins.merge.rules.table import (
    ADJACENT,
    ADJACENT_ADDED,
    ADJACENT_REMOVED,
    RULES,
    Rule,
)


def settle(sides: Sides, place: Place) -> Settlement | None:
    """Return what the rules make of one conflict; ``None`` where none of them applies."""
    return _by_rule(sides, place) or _by_parts(sides, place)


def _by_rule(sides: Sides, place: Place) -> Settlement | None:
    for rule in RULES:
        lines = None if rule.name in place.without else rule.settle(sides, place)
        if lines is not None:
            return Settlement(lines, {rule.name: rule.rate(place)})
    return None


def _by_parts(sides: Sides, place: Place) -> Settlement | None:
    aligned = Alignment(sides.base, sides.ours, sides.theirs, touching_apart=True)
    if len(aligned.hunks) < 2:
        return None
    merged: Lines = []
    rule = _adjacency(aligned)
    if rule.name in place.without:
        return None
    rates = {rule.name: rule.rate(place)}
    at = 0
    for hunk in aligned.hunks:
        merged += aligned.ours[at : hunk.ours[0]]
        at = hunk.ours[1]
        ours, theirs = aligned.ours[slice(*hunk.ours)], aligned.theirs[slice(*hunk.theirs)]
        if hunk.kind != CONFLICT:
            merged += theirs if hunk.kind == THEIRS else ours
            continue
        found = _by_rule(Sides(aligned.base[slice(*hunk.base)], ours, theirs), place)
        if found is None:
            return None
        merged += found.lines
        rates |= found.rates
    return Settlement(merged + aligned.ours[at:], rates)


def _adjacency(aligned: Alignment) -> Rule:
    """Return the rule that joins changes that touch: by whether lines come, stay or go."""
    if any(hunk.base[0] == hunk.base[1] for hunk in aligned.hunks):
        return ADJACENT_ADDED
    sides = [hunk.theirs if hunk.kind == THEIRS else hunk.ours for hunk in aligned.hunks]
    return ADJACENT_REMOVED if all(start == end for start, end in sides) else ADJACENT
