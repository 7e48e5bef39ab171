"""Which words two versions of a Python file tell apart, without parsing them.

A merge changes hundreds of files, and few of them have to do with one another. Only
files in which one side may have lost a word that the other may have begun to use
are parsed. What is found here is more than that, not less.
"""

from __future__ import annotations

import re
from keyword import kwlist

_KEYWORDS = frozenset(word.encode() for word in kwlist)
_WORDS = re.compile(rb"[^\W\d]\w*")
_HEADS = re.compile(rb"\b(?:def|class)\s+(\w+)\s*(\((?:[^()]|\([^()]*\))*\))?")
_USED = re.compile(rb"\.\s*([^\W\d]\w*)|([^\W\d]\w*)\s*\(")
_ASSIGNED = re.compile(
    rb"(?!\s*(?:async\s+)?(?:def|class)\b)([^=\n#]*?)(?::[^=\n]*)?(?<![=!<>+*/%&|^@-])=(?!=)"
)
_ENTRY = rb"\s*[\w.]+(?:\s+as\s+\w+)?\s*"
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
        old, new = before.split(b"\n"), after.split(b"\n")
        self._gone, self._come = set(old).difference(new), set(new).difference(old)

    def lost_words(self) -> set[bytes]:
        """Return the words that a module may have bound, or called otherwise, and does no more."""
        has_blocks = _BLOCKS.search(self._before) is not None
        bound = [
            part
            for line in self._gone
            if has_blocks or line[:1] not in (b" ", b"\t") or _IMPORTS.match(line)
            for part in _bound(line)
        ]
        words = _words(bound)
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


def _bound(line: bytes) -> list[bytes]:
    """Return the parts of a line that may bind names."""
    if _IMPORTS.match(line):
        return [line]
    found = _ASSIGNED.match(line)
    return [found.group(1)] if found else []


def _words(parts: list[bytes]) -> set[bytes]:
    return set(_WORDS.findall(b"\n".join(parts)))


def _heads(text: bytes) -> set[tuple[bytes, bytes]]:
    return {(name, b"".join(args.split())) for name, args in _HEADS.findall(text)}
