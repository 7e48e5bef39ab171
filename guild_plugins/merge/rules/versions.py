"""Both sides raised the same version number: the higher one.

Example: ours ``__version__ = "2.1.0"``, theirs ``"2.0.3"``. Pins of other
projects (``==``, ``>=``) are no such case: which one is meant is not a question
of order, and people take the lower one about as often.
"""

from __future__ import annotations

from guild_plugins.merge.rules.sides import Lines, Place, Sides

_VERSION = rb"\d+(?:\.\d+)+(?:[-.]?(?:dev|a|b|rc|alpha|beta|post|pre)\.?\d*)?"
_NAMES = (b"version", b"release")
_PIN = rb"[=<>~!]=|\brev:|@v?\d"


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the side whose version numbers are higher, all else being equal."""
    texts = [b"".join(lines) for lines in sides.all]
    if not any(name in texts[1].lower() for name in _NAMES):
        return None
    import re  # costs as much as a merge, and few conflicts come this far

    if any(re.search(_PIN, text) for text in texts):
        return None
    forms = [b"".join(re.sub(_VERSION, b"", text).split()) for text in texts]
    found = [re.findall(_VERSION, text) for text in texts]
    if forms[1] != forms[2] or len(found[1]) != len(found[2]) or not found[1]:
        return None
    ours, theirs = ([_order(version) for version in side] for side in found[1:])
    if all(mine >= yours for mine, yours in zip(ours, theirs, strict=True)):
        return sides.ours
    if all(mine <= yours for mine, yours in zip(ours, theirs, strict=True)):
        return sides.theirs
    return None


def _order(version: bytes) -> tuple[list[int], int, list[int]]:
    import re

    numbers, suffix = re.match(rb"([\d.]*\d)(.*)", version, re.S).groups()  # type: ignore[union-attr]
    rank = 0 if not suffix else 1 if b"post" in suffix else -1
    order = {b"dev": 0, b"a": 1, b"alpha": 1, b"b": 2, b"beta": 2, b"rc": 3, b"pre": 3}
    word = re.sub(rb"[^a-z]", b"", suffix)
    parts = [int(part) for part in numbers.split(b".")]
    while parts and not parts[-1]:
        parts.pop()
    return parts, rank, [order.get(word, 4), *(int(x) for x in re.findall(rb"\d+", suffix))]
