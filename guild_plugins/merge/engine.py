"""Merge three versions of a file: as git does, then by the rules, then verified."""

from __future__ import annotations

from guild_plugins.merge.diff3 import BOTH, CONFLICT, OURS, THEIRS, Alignment, Hunk
from guild_plugins.merge.kinds import LOCK, kind_of
from guild_plugins.merge.lines import has_markers, split_lines
from guild_plugins.merge.refine import find_units
from guild_plugins.merge.render import Style, render
from guild_plugins.merge.result import Clean, Conflict, Region, Settlement
from guild_plugins.merge.rules.sides import BUSY, CALM, USUAL, Place, Sides, Uses
from guild_plugins.merge.structured import PIECE_RATES, STRUCTURED, merge_structured
from guild_plugins.merge.trivial import merge_trivially
from guild_plugins.merge.verify import Fault, find_fault
from guild_plugins.merge.whole import merge_whole

ACCEPT = 0.78
"""A merge is taken where it is as likely as this to be what a person would make of it."""

PROPOSE = 0.58
"""A merge that is as likely as this is proposed, and the conflict stays."""

SURE = 0.96
"""A rule that is right this often may settle one place of a file in which another stays open."""

MANY = 3
"""Changes of either side alone that make a file a busy one."""

SEVERAL = 0.9
"""By what the chance is lower in a file with several conflicts."""

NEARBY = 12
"""So many lines before and after a conflict are shown to the rules."""

NO_RULE = "both sides changed this and no rule applies"
UNCERTAIN = "the rules are not certain enough"
BESIDE_OPEN = (
    "other places of the file are open, and the rules are not certain enough to stand alone"
)


def merge(
    path: str,
    base: bytes,
    ours: bytes,
    theirs: bytes,
    style: Style | None = None,
    without: frozenset[str] = frozenset(),
) -> Clean | Conflict:
    """Merge one file.

    :param path: Where the file is, for its kind; nothing is read from there.
    :param base: The common ancestor; empty where both sides added the file.
    :param style: How what stays open is shown.
    :param without: The names of rules that are switched off.
    :raises TooCostly: The texts are too long or too repetitive: git's result has to do.
    """
    quick = merge_trivially(base, ours, theirs)
    if quick is not None:
        return quick
    aligned = Alignment(*map(split_lines, (base, ours, theirs)))
    return conclude(path, aligned, style or Style(), without)


def conclude(
    path: str, aligned: Alignment, style: Style, without: frozenset[str] = frozenset()
) -> Clean | Conflict:
    """Merge three texts that were aligned: as git does, or by the rules."""
    texts = _Texts(aligned)
    kind = kind_of(path)
    if any(map(has_markers, texts.all)):
        return _left(aligned, style, "an input has conflict markers")
    whole = merge_whole(kind, *texts.all)
    if whole is not None:
        return whole
    if not aligned.conflicts:
        return _as_git(kind, aligned, style, texts)
    if kind == LOCK:
        return _left(aligned, style, "lock files are made anew by their tool, not merged")
    place = Place(kind, lambda: _uses(aligned), _pace(aligned), _ahead(aligned), without)
    if kind not in STRUCTURED:
        return _by_rules(place, aligned, style, texts)
    return _by_pieces(place, aligned, style, texts) or _by_rules(place, aligned, style, texts)


def leave(base: bytes, ours: bytes, theirs: bytes, style: Style, reason: str) -> Clean | Conflict:
    """Return what git makes of a file, with the reason why its conflicts stay.

    :raises TooCostly: As `merge` does.
    """
    aligned = Alignment(*map(split_lines, (base, ours, theirs)))
    return _left(aligned, style, reason)


class _Texts:
    """The three inputs as bytes."""

    __slots__ = ("all", "base", "ours", "theirs")

    def __init__(self, aligned: Alignment) -> None:
        self.base, self.ours = b"".join(aligned.base), b"".join(aligned.ours)
        self.theirs = b"".join(aligned.theirs)
        self.all = (self.base, self.ours, self.theirs)


def _left(aligned: Alignment, style: Style, reason: str) -> Clean | Conflict:
    """Return what git makes of it."""
    text = render(aligned, {}, style)
    if not aligned.conflicts:
        return Clean(text)
    regions = tuple(_region(aligned, hunk, None, reason) for hunk in aligned.conflicts)
    return Conflict(text, regions, reason=reason)


def _as_git(kind: str, aligned: Alignment, style: Style, texts: _Texts) -> Clean | Conflict:
    """Return what git merges by itself, unless it is unsound where the inputs are not."""
    text = render(aligned, {}, style)
    fault = find_fault(kind, text, *texts.all)
    if fault is None:
        return Clean(text)
    _reopen(aligned, fault)
    return _left(aligned, style, fault.reason)


def _reopen(aligned: Alignment, fault: Fault) -> None:
    """Make conflicts of the changes of theirs that brought a fault, or else of all of theirs.

    Of all of ours where theirs changed nothing that ours did not: somebody has to look.
    """
    ours, theirs = ([h for h in aligned.hunks if h.kind == kind] for kind in (OURS, THEIRS))
    names = [name.encode().rpartition(b".")[2] for name in fault.names]
    guilty = [
        hunk
        for hunk in theirs
        if any(name in b"".join(aligned.theirs[slice(*hunk.theirs)]) for name in names)
    ]
    for hunk in guilty or theirs or ours:
        hunk.kind = CONFLICT


def _by_pieces(
    place: Place, aligned: Alignment, style: Style, texts: _Texts
) -> Clean | Conflict | None:
    """Merge cells, rows or definitions; ``None`` where the lines have to do."""
    found = merge_structured(place.kind, *texts.all)
    if found is None or found[1] in place.without:
        return None
    text, rule = found
    if find_fault(place.kind, text, *texts.all) is not None:
        return None
    rate, settled = PIECE_RATES[rule], {hunk: _sides(aligned, hunk) for hunk in aligned.conflicts}
    is_sure = rate >= ACCEPT
    reason = "" if is_sure else UNCERTAIN
    regions = tuple(
        Region(hunk.ours[0] + 1, s.base, s.ours, s.theirs, (rule,), None, reason)
        for hunk, s in settled.items()
    )
    if is_sure:
        return Clean(text, regions)
    return Conflict(render(aligned, {}, style), regions, reason=reason, proposal=text)


def _by_rules(place: Place, aligned: Alignment, style: Style, texts: _Texts) -> Clean | Conflict:
    from guild_plugins.merge.settle import settle  # most files are merged without the rules

    found = {hunk: settle(_sides(aligned, hunk), place) for hunk in aligned.conflicts}
    made = {hunk: settlement for hunk, settlement in found.items() if settlement is not None}
    if len(made) < len(found):
        return _in_part(aligned, style, found, NO_RULE)
    text = render(aligned, {hunk: settlement.lines for hunk, settlement in made.items()}, style)
    fault = find_fault(place.kind, text, *texts.all)
    if fault is not None:
        return _in_part(aligned, style, dict.fromkeys(found), fault.reason)
    chance = _chance(list(made.values()))
    if chance >= ACCEPT:
        regions = tuple(_region(aligned, hunk, made[hunk], "") for hunk in made)
        return Clean(text, regions)
    return _in_part(aligned, style, found, UNCERTAIN, text if chance >= PROPOSE else None)


def _chance(settlements: list[Settlement]) -> float:
    """Return how likely it is that all settlements are right.

    Uses of one rule are right or wrong together, which is measured.
    """
    rates = {rule: rate for each in settlements for rule, rate in each.rates.items()}
    chance = 1.0 if len(settlements) == 1 else SEVERAL
    for rate in rates.values():
        chance *= rate
    return chance


def _pace(aligned: Alignment) -> str:
    """Return how much happened in the rest of a file."""
    kinds = [hunk.kind for hunk in aligned.hunks]
    fewer = min(kinds.count(OURS), kinds.count(THEIRS))
    return CALM if not fewer else BUSY if fewer >= MANY else USUAL


def _ahead(aligned: Alignment) -> str:
    """Return the side that went on from the other: both changed alike, and one nothing else."""
    kinds = {hunk.kind for hunk in aligned.hunks} - {CONFLICT}
    if kinds == {BOTH, OURS}:
        return OURS
    return THEIRS if kinds == {BOTH, THEIRS} else ""


def _in_part(
    aligned: Alignment,
    style: Style,
    found: dict[Hunk, Settlement | None],
    reason: str,
    proposal: bytes | None = None,
) -> Conflict:
    """Return a conflict in which only what is sure is settled, by whole regions of git's.

    Where a merge is proposed for the whole file, git's own text stays.
    """
    sure: dict[Hunk, Settlement] = {}
    for unit in find_units(aligned) if proposal is None else ():
        settled = {hunk: made for hunk in unit if (made := found[hunk]) and made.lowest >= SURE}
        if len(settled) == len(unit):
            sure |= settled
    if len(sure) == len(found):
        sure = {}
    text = render(aligned, {hunk: made.lines for hunk, made in sure.items()}, style)
    regions = []
    for hunk, made in found.items():
        why = "" if hunk in sure else BESIDE_OPEN if made and reason == NO_RULE else reason
        regions.append(_region(aligned, hunk, made, why))
    return Conflict(text, tuple(regions), reason=reason, proposal=proposal)


def _sides(aligned: Alignment, hunk: Hunk) -> Sides:
    start, end = hunk.ours
    return Sides(
        aligned.base[slice(*hunk.base)],
        aligned.ours[start:end],
        aligned.theirs[slice(*hunk.theirs)],
        aligned.ours[max(0, start - NEARBY) : start],
        aligned.ours[end : end + NEARBY],
    )


def _uses(aligned: Alignment) -> Uses:
    """Return the words in use; where a conflict is open, those of both sides."""
    from guild_plugins.merge.words import words_outside_imports

    ours, theirs = b"".join(aligned.ours), b"".join(aligned.theirs)
    merged = render(aligned, {}, Style())
    return Uses(*map(words_outside_imports, (ours, theirs, merged)))


def _region(aligned: Alignment, hunk: Hunk, made: Settlement | None, reason: str) -> Region:
    sides = _sides(aligned, hunk)
    rules, lines = (made.rules, made.lines) if made else ((), None)
    return Region(hunk.ours[0] + 1, sides.base, sides.ours, sides.theirs, rules, lines, reason)
