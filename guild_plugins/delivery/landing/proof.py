"""Whether a landed tree holds what it has to: the branch's change, and nothing else. Pure.

Judged by contents, whatever made the merge: where only the branch changed a path since
both parted, trunk gets the branch's version; a path that the branch did not change stays
as trunk had it; and where both changed one, trunk loses no line that the branch did not
remove. So a merge that was made from a wrong base, and takes back what landed before, is
found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from guild_plugins.git.changes import Change
from guild_plugins.git.trees import Entry
from guild_plugins.merge.engine import merge
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.result import Clean

Read = Callable[[str], bytes | None]
"""Returns a blob's content; ``None`` where it is not here."""


def problems_of(
    own: Iterable[Change], trunks: Iterable[Change], done: Iterable[Change], read: Read
) -> Iterator[str]:
    """Yield what is wrong with a landed tree, a line each.

    :param own: What the branch changed since it and trunk parted.
    :param trunks: What trunk changed since then.
    :param done: What the landing changed on trunk.
    """
    mine = {change.path: change for change in own}
    landed = {change.path: change for change in done}
    others = {change.path for change in trunks}
    for path, change in landed.items():
        reason = _reason(change, mine, landed, read)
        if reason is not None:
            yield f"{path}: {reason}"
    for path in mine.keys() - landed.keys() - others:
        yield f"{path}: the branch's change of it has not arrived"


def _reason(
    change: Change, mine: Mapping[str, Change], landed: Mapping[str, Change], read: Read
) -> str | None:
    """Say what is wrong with one path."""
    own = mine.get(change.path)
    if own is None:
        moved = (one for path, one in mine.items() if path not in landed)
        if _follows(change, moved, read):
            return None  # trunk had given the file another name
        return "is not part of the branch's change, and differs from what trunk had"
    reason = _wrong(change, own, read)
    if reason is not None and _is_renamed(change, own, mine, landed, read):
        return None
    return reason


def _wrong(landed: Change, mine: Change, read: Read) -> str | None:
    """Say what is wrong with a path that the branch changed, if it kept its name."""
    before, after = landed.before, landed.after
    if before == mine.before:
        return None if after == mine.after else "is not what the branch has"
    if mine.before is not None and before is None:
        return "is back, and trunk had removed it"
    if after is None:
        return "is gone, and trunk had changed it since the branch parted"
    if before is None or mine.after is None:
        return None if after == mine.after else "is neither what trunk had nor what the branch has"
    if after.mode not in (before.mode, mine.after.mode):
        return "has a mode that neither trunk nor the branch gave it"
    return _contents(landed.path, mine.before, before, mine.after, after, read)


def _is_renamed(
    change: Change,
    own: Change,
    mine: Mapping[str, Change],
    landed: Mapping[str, Change],
    read: Read,
) -> bool:
    """Say whether the branch gave a file that trunk changed another name: this is one of both."""
    for path, other in mine.items():
        there = landed.get(path)
        if there is None or path == change.path:
            continue
        if own.after is None and other.before is None:
            parts = (own.before, change.before, other.after, there.after)
        elif own.before is None and other.after is None:
            parts = (other.before, there.before, own.after, change.after)
        else:
            continue
        base, trunk, branch, now = parts
        if base and trunk and branch and now:
            name = path if own.after is None else change.path
            if _contents(name, base, trunk, branch, now, read) is None:
                return True
    return False


def _contents(
    path: str, base: Entry | None, trunk: Entry, branch: Entry, landed: Entry, read: Read
) -> str | None:
    """Say what is wrong with a file that both changed; with no base, both added it."""
    entries = (base, trunk, branch, landed)
    if not all(entry is None or entry.is_file for entry in entries):
        return "is a link or a submodule that both changed"
    texts = [b"" if entry is None else read(entry.oid) for entry in entries]
    if texts[2] is None:
        return None  # the branch's own version is gone; what it is called says no more
    if any(text is None for text in texts):
        return "cannot be read"
    old, was, wanted, now = (text or b"" for text in texts)
    if _fits(old, was, wanted, now):
        return None
    try:
        merged = merge(path, old, was, wanted)
    except TooCostly:
        return "is too long or too repetitive to be checked"
    if isinstance(merged, Clean) and merged.text == now:
        return None
    return "loses lines that trunk has got since the branch parted, or has some that nobody wrote"


def _fits(old: bytes, was: bytes, wanted: bytes, now: bytes) -> bool:
    """Say whether trunk lost and got only lines that the branch removed and added."""
    lines = [Counter(text.splitlines(keepends=True)) for text in (old, was, wanted, now)]
    before, trunk, branch, landed = lines
    return trunk - landed <= before - branch and landed - trunk <= branch - before


def _follows(landed: Change, moved: Iterable[Change], read: Read) -> bool:
    """Say whether a path has the change that the branch made under the file's former name."""
    for one in moved:
        if landed.before is None or one.before is None or one.after is None:
            if landed[1:] == one[1:]:
                return True
        elif landed.after is not None and not _contents(
            landed.path, one.before, landed.before, one.after, landed.after, read
        ):
            return True
    return False
