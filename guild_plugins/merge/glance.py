"""Which words two versions of a Python file tell apart, without parsing them.

A merge changes hundreds of files, and few of them have to do with one another. Only
files in which one side may have lost a word that the other may have begun to use
are parsed. What is found here is more than that, not less.
"""

from __future__ import annotations

import re
from functools import cached_property
from keyword import kwlist

_KEYWORDS = frozenset(word.encode() for word in kwlist)
_WORDS = re.compile(rb"[^\W\d]\w*")
_HEADS = re.compile(rb"\b(?:def|class)\s+(\w+)\s*(\((?:[^()]|\([^()]*\))*\))?")
_USED = re.compile(rb"\.\s*([^\W\d]\w*)|([^\W\d]\w*)\s*\(")
_ASSIGNED = re.compile(
    rb"(?!\s*(?:async\s+)?(?:def|class)\b)([^=\n#]*?)(?::[^=\n]*)?(?<![=!<>+*/%&|^@-])=(?!=)"
)
_ENTRY = rb"\s*+[\w.]++(?:\s++as\s++\w++)?+\s*+"
_IMPORTS = re.compile(
    rb"\s*(?:from|import)\b|\s*\(?%s(?:,%s)*,?\s*\)?\s*\\?(?:#.*)?$" % (_ENTRY, _ENTRY)
)
"""A line that begins an import, or may go on with one."""
_HEAD_LINE = re.compile(rb"\b(?:def|class)\b|,\s*(?:#.*)?$|\)\s*(?:->.*)?:\s*(?:#.*)?$")
"""A line of the head of a function or class, or one that may be."""
_BLOCKS = re.compile(rb"(?m)^(?:if(?! __name__)|elif|else|try|except|finally)\b")
"""What a name at the top of a module may be indented under."""


class Glance:
    """What differs between two versions of a file."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        old, new = (set(part.split(b"\n")) for part in _differing(before, after))
        self._gone, self._come = old - new, new - old

    def lost_words(self) -> set[bytes]:
        """Return the words that a module may have bound, or called otherwise, and does no more."""
        words = _words([part for line in self._gone for part in self._bound(line)])
        if any(map(_HEAD_LINE.search, self._gone)) or any(map(_HEAD_LINE.search, self._come)):
            heads = _heads(self._before) - _heads(self._after)
            words |= {name for name, _ in heads}
        return words - _KEYWORDS

    def new_words(self) -> set[bytes]:
        """Return the words that a file may take from another, or call, and did not before."""
        lines = [line for line in self._come if _IMPORTS.match(line)]
        is_import = any(b"import" in line for line in lines)
        text = self._after if is_import else b"\n".join(self._come)
        return _words(lines).union(*_USED.findall(text)) - _KEYWORDS - {b""}

    def _bound(self, line: bytes) -> list[bytes]:
        """Return the parts of a line that may bind names at the top of the module."""
        if _IMPORTS.match(line):
            return [line]
        if b"=" not in line or (line[:1] in (b" ", b"\t") and not self._has_blocks):
            return []
        found = _ASSIGNED.match(line)
        return [found.group(1)] if found else []

    @cached_property
    def _has_blocks(self) -> bool:
        return _BLOCKS.search(self._before) is not None


def _differing(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return the lines that are left when what both begin and end with is taken off."""
    same = _common(before, after)
    start = before.rfind(b"\n", 0, same) + 1
    before, after = before[start:], after[start:]
    same = _common(before[::-1], after[::-1])
    end = before.find(b"\n", len(before) - same)
    rest = len(before) - end if end >= 0 else 0
    return before[: len(before) - rest], after[: len(after) - rest]


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts begin with alike, found by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _words(parts: list[bytes]) -> set[bytes]:
    return set(_WORDS.findall(b"\n".join(parts)))


def _heads(text: bytes) -> set[tuple[bytes, bytes]]:
    return {(name, b"".join(args.split())) for name, args in _HEADS.findall(text)}
