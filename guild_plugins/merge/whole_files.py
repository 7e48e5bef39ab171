"""Conflicts about whole files, which no merge driver ever sees: removed, renamed, moved.

A rule is accepted or proposed by its rate, as the rules for places in files are (see
``engine``): how often people made the same of such conflicts in real merges. A file
with a change that would be lost is never removed unseen, however often people did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guild_plugins.merge.engine import ACCEPT, PROPOSE, merge
from guild_plugins.merge.kinds import kind_of
from guild_plugins.merge.lines import is_binary
from guild_plugins.merge.result import Clean
from guild_plugins.merge.rules.reformatted import laid_out_alike

FEW = 3
"""A line of so few characters says nothing about where it came from."""

MOVED = 0.5
"""A file of which another has more of the lines than this went there."""

LARGEST = 1 << 20
"""Files larger than this are not looked into."""


class FileRule(NamedTuple):
    """A rule on whole files, and how often people did as it says."""

    name: str
    rate: float

    @property
    def is_accepted(self) -> bool:
        """Whether it settles a conflict; else it only proposes."""
        return self.rate >= ACCEPT


REMOVED_SAME = FileRule("removed-same", 0.85)
REMOVED_LESS = FileRule("removed-less", 0.85)
REMOVED_CARRIED = FileRule("removed-carried", 0.92)
REMOVED_MOVED = FileRule("removed-moved", 0.60)
REMOVED = FileRule("removed", 0.68)
RENAMED_REMOVED = FileRule("renamed-removed", 0.6)
RENAMED_MOVED = FileRule("renamed-moved", 0.95)
MODES = FileRule("modes", 0.80)

FILE_RULES = (
    REMOVED_SAME,
    REMOVED_LESS,
    REMOVED_CARRIED,
    REMOVED_MOVED,
    REMOVED,
    RENAMED_REMOVED,
    RENAMED_MOVED,
    MODES,
)
assert all(rule.rate >= PROPOSE for rule in FILE_RULES)


class Decision(NamedTuple):
    """What a rule makes of a conflict: which files are to hold what, and a sentence about it.

    :param changes: By path: the content; ``None`` where there is to be no file.
    """

    rule: FileRule
    text: str
    changes: Mapping[str, bytes | None]


class Removal(NamedTuple):
    """One side removed a file and the other changed it.

    :param path: Where the changed file is in the merged tree.
    :param remover: ``ours`` or ``theirs``.
    """

    path: str
    base: bytes
    changed: bytes
    remover: str


class Other(NamedTuple):
    """A file that the side which removed something changed or added: as it was, and as merged."""

    before: bytes
    after: bytes


def settle_removal(removal: Removal, others: Mapping[str, Other]) -> Decision | None:
    """Return what is to be done about a file that one side removed and the other changed.

    :param others: The files that the remover changed or added.
    """
    path, base, changed, remover = removal
    gone: dict[str, bytes | None] = {path: None}
    if is_binary(base) or is_binary(changed) or max(len(base), len(changed)) > LARGEST:
        return None
    was, now = _lines(base), _lines(changed)
    said = f"{remover} removed {path}, and the other side "
    if laid_out_alike(kind_of(path), base, changed):
        return Decision(REMOVED_SAME, f"{said}only laid it out anew: it is removed", gone)
    added = now - was
    if _is_part(changed, base):
        return Decision(REMOVED_LESS, f"{said}only took lines out of it: it is removed", gone)
    if added and any(added <= _new_lines(other) for other in others.values()):
        return Decision(REMOVED_CARRIED, f"{said}added what {remover} has elsewhere", gone)
    found = _follow(removal, was, others)
    if found is not None:
        place, text = found
        told = f"{said}changed it: its lines are in {place} now, and so is the change"
        return Decision(REMOVED_MOVED, told, {**gone, place: text})
    return Decision(REMOVED, f"{said}changed what it says; people mostly removed it", gone)


def _is_part(changed: bytes, base: bytes) -> bool:
    """Return whether a text is another with some lines taken out."""
    rest = iter(base.split(b"\n"))
    return all(line in rest for line in changed.split(b"\n"))


def _lines(text: bytes) -> set[bytes]:
    return {line for each in text.split(b"\n") if len(line := each.strip()) > FEW}


def _new_lines(other: Other) -> set[bytes]:
    return _lines(other.after) - _lines(other.before)


def _follow(
    removal: Removal, was: set[bytes], others: Mapping[str, Other]
) -> tuple[str, bytes] | None:
    """Return the file that took over the lines of a removed one, with the change put in."""
    for place in _places(removal.path, was, others):
        after = others[place].after
        result = merge(place, removal.base, after, removal.changed)
        if isinstance(result, Clean) and result.text != after:
            return place, result.text
    return None


def _places(path: str, was: set[bytes], others: Mapping[str, Other]) -> Iterator[str]:
    """Yield the files of one kind that have most of the lines, and had not before, best first."""
    if not was:
        return
    shares = {
        place: len(was & _new_lines(other)) / len(was)
        for place, other in others.items()
        if _ending(place) == _ending(path)
    }
    yield from sorted((p for p, share in shares.items() if share > MOVED), key=lambda p: -shares[p])


def _ending(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2]
