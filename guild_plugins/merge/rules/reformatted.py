"""One side only laid the text out anew; the other changed what it says.

Example: a formatter ran on our side, theirs renamed a variable. Taken is the
side that changed the content: the layout can be made again, the change cannot.
"""

from __future__ import annotations

import re

from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the side that changed more than the layout."""
    form = _python_form if place.kind == "python" else squash
    base = form(sides.base)
    one, two = form(sides.ours), form(sides.theirs)
    if not base and one and two:
        return None
    if base == one != two:
        return sides.theirs
    if base == two != one:
        return sides.ours
    return None


def _python_form(lines: Lines) -> bytes:
    """Return the text without what formatters change: blanks, quotes, last commas, line joins."""
    text = squash(lines).replace(b"'", b'"').replace(b"\\\n", b"")
    return re.sub(_LAST_COMMA, rb"\1", text)


_LAST_COMMA = rb",([)\]}])"
