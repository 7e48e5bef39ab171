"""One side only laid the text out anew; the other changed what it says.

Example: a formatter ran on our side, theirs renamed a variable. Taken is the
side that changed the content: the layout can be made again, the change cannot.
"""

from __future__ import annotations

from _collections_abc import Callable

from guild_plugins.merge.kinds import CHANGELOG, JSON, PEOPLE, PROSE, PYTHON
from guild_plugins.merge.names import same_code
from guild_plugins.merge.rules.sides import Lines, Place, Sides, squash


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the side that changed more than blank lines, line ends, quotes or last commas."""
    return _settled(sides, _lines_form)


def settle_relaid(sides: Sides, place: Place) -> Lines | None:
    """Return the side that changed more than the layout, where words or lines were moved about."""
    return _settled(sides, _python_form if place.kind == PYTHON else squash)


def laid_out_alike(kind: str, one: bytes, two: bytes) -> bool:
    """Return whether two whole texts say the same, in another layout."""
    if kind == PYTHON:
        return _python_form([one]) == _python_form([two]) and same_code(one, two)
    if kind in _FREE_FORM:
        return squash([one]) == squash([two])
    first, second = ([line.rstrip() for line in text.split(b"\n")] for text in (one, two))
    return [line for line in first if line] == [line for line in second if line]


def _settled(sides: Sides, form: Callable[[Lines], bytes]) -> Lines | None:
    base, one, two = map(form, sides.all)
    if not base and one and two:
        return None
    if base == one != two:
        return sides.theirs
    if base == two != one:
        return sides.ours
    return None


def _lines_form(lines: Lines) -> bytes:
    """Return the lines that are not blank, each as it stands but for its end and its quotes."""
    kept = b"\n".join(line.rstrip() for line in lines if line.strip())
    return _without_last_commas(kept.replace(b"'", b'"'))


def _python_form(lines: Lines) -> bytes:
    """Return the text without what formatters change: blanks, quotes, last commas, line joins."""
    text = squash(lines).replace(b"'", b'"').replace(b"\\\n", b"")
    return _without_last_commas(text)


def _without_last_commas(text: bytes) -> bytes:
    """Return the text without the commas that come before a closing bracket."""
    first, *parts = text.split(b",")
    return first + b"".join(
        part if part.lstrip()[:1] in _CLOSING else b"," + part for part in parts
    )


_CLOSING = (b")", b"]", b"}")

_FREE_FORM = (CHANGELOG, JSON, PEOPLE, PROSE)
"""Kinds in which blanks mean nothing, wherever they stand."""
