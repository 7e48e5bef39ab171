"""Patterns as in ``.gitignore``, anchored at the project's root.

A pattern names a file or a directory with all that lies in it: ``src/auth``,
``src/auth/`` and ``src/auth/**`` mean the same. ``*`` and ``?`` stay within one
segment, ``[a-z]`` and ``[!a-z]`` are one character, ``**`` is any number of
segments, and ``[*]`` is a plain star. Unlike in ``.gitignore``, ``docs`` is the
top ``docs`` alone; ``**/docs`` is each.

Pure, and linear in the path: segments are matched one by one with the standard
library's atomic translation, and only the last ``**`` is ever tried again. One
regular expression for a whole pattern takes minutes on twelve ``**`` in a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NamedTuple

MAX_WILDCARDS = 32

_ONE_CHARACTER = re.compile(r"\[([^!^\]])\]")
_WILDCARD = re.compile(r"\[[^\]]*\]|[*?]")

Step = Callable[[str], object] | None
"""Matches one segment; ``None`` stands for ``**``."""


class Glob(NamedTuple):
    """One pattern, ready to match. ``literal`` is the path it names when it has no wildcard."""

    pattern: str
    negated: bool
    literal: str | None
    rank: tuple[int, int]
    """How specific it is: leading segments without wildcard, then plain characters."""
    steps: tuple[Step, ...]

    def matches(self, path: str) -> bool:
        """Say whether the path is named by the pattern, or lies in what it names."""
        if self.literal is not None:
            return not self.literal or path == self.literal or path.startswith(self.literal + "/")
        return _matches(self.steps, path.split("/"))


def parse_glob(pattern: str) -> Glob:
    """Prepare a pattern.

    :raises ValueError: It is empty, absolute, leaves the root, or is beyond reason;
        the message says which.
    """
    negated = pattern.startswith("!")
    segments = split_pattern(pattern[1:] if negated else pattern)
    is_inside = pattern.endswith("/") or segments[-1:] == ["**"]
    if segments[-1:] == ["**"]:
        segments.pop()
    plain = [_plain(segment) for segment in segments]
    if all(segment is not None for segment in plain):
        literal = "/".join(segment or "" for segment in plain)
        rank = (len(segments), len(literal))
        return Glob(pattern, negated, literal, rank, ())
    if sum(len(_WILDCARD.findall(segment)) for segment in segments) > MAX_WILDCARDS:
        raise ValueError(f"has more than {MAX_WILDCARDS} wildcards")
    depth = next(i for i, segment in enumerate(plain) if segment is None)
    characters = sum(len(_WILDCARD.sub("", segment)) + 1 for segment in segments)
    if is_inside:
        segments.append("*")  # what a wildcard names must be a directory then
    return Glob(pattern, negated, None, (depth, characters), tuple(map(_step, segments)))


def escape(path: str) -> str:
    """Return the pattern that names exactly this path."""
    escaped = re.sub(r"([*?[])", r"[\1]", path)
    return f"./{escaped}" if escaped.startswith("!") else escaped


def split_pattern(pattern: str) -> list[str]:
    """Split into segments, with ``.`` and repeated ``**`` gone.

    :raises ValueError: As `parse_glob` does.
    """
    if not pattern.strip():
        raise ValueError("is empty")
    if "\0" in pattern:
        raise ValueError("has a NUL character")
    if "\\" in pattern:
        raise ValueError("has a backslash; write / between segments and [*] for a plain star")
    if pattern.startswith("/") or re.match(r"[A-Za-z]:/", pattern):
        raise ValueError("is absolute; patterns are relative to the project's root")
    segments: list[str] = []
    for segment in pattern.split("/"):
        if segment == "..":
            raise ValueError("leaves the project's root with '..'")
        if segment in ("", ".") or (segment == "**" and segments[-1:] == ["**"]):
            continue
        segments.append(segment)
    return segments


def _plain(segment: str) -> str | None:
    """Return what a segment without wildcards says, with ``[x]`` read as ``x``."""
    if not any(sign in segment for sign in "*?["):
        return segment
    rest = _ONE_CHARACTER.sub("", segment)
    if any(sign in rest for sign in "*?["):
        return None
    return _ONE_CHARACTER.sub(r"\1", segment)


def _step(segment: str) -> Step:
    if segment == "**":
        return None
    compact = re.sub(r"\*+", "*", segment.replace("[^", "[!"))
    return re.compile(translate(compact)).match


def _matches(steps: Sequence[Step], parts: Sequence[str]) -> bool:
    """Match steps with the first parts; what lies deeper lies in what was matched.

    On a mismatch only the last ``**`` takes one part more: an earlier one that
    took more could not do better (the argument is that of wildcard matching in
    one string).
    """
    step = part = 0
    retry: tuple[int, int] | None = None
    while step < len(steps):
        matcher = steps[step]
        if matcher is None:
            retry = (step + 1, part)
            step += 1
        elif part < len(parts) and matcher(parts[part]):
            step, part = step + 1, part + 1
        elif retry is not None and retry[1] < len(parts):
            retry = (retry[0], retry[1] + 1)
            step, part = retry
        else:
            return False
    return True
