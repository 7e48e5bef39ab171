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
_BLOCKS = re.compile(rb"(?m)^(?:if(?! __name__)|elif|else|try|except|finally)\b")
"""What a name at the top of a module may be indented under."""


def lost_words(before: bytes, after: bytes) -> set[bytes]:
    """Return the words that a module may have bound, or called otherwise, and does no more."""
    if before == after:
        return set()
    heads = set(_heads(before)) - set(_heads(after))
    has_blocks = _BLOCKS.search(before) is not None
    gone = _lines(before) - _lines(after)
    bound = [
        part
        for line in gone
        if has_blocks or line[:1] not in (b" ", b"\t") or _IMPORTS.match(line)
        for part in _bound(line)
    ]
    return ({name for name, _ in heads} | _words(bound)) - _KEYWORDS


def new_words(before: bytes, after: bytes) -> set[bytes]:
    """Return the words that a file may take from another, or call, and did not before."""
    if before == after:
        return set()
    come = _lines(after) - _lines(before)
    lines = [line for line in come if _IMPORTS.match(line)]
    text = after if any(b"import" in line for line in lines) else b"\n".join(come)
    return _words(lines).union(*_USED.findall(text)) - _KEYWORDS - {b""}


def _bound(line: bytes) -> list[bytes]:
    """Return the parts of a line that may bind names."""
    if _IMPORTS.match(line):
        return [line]
    found = _ASSIGNED.match(line)
    return [found.group(1)] if found else []


def _words(parts: list[bytes]) -> set[bytes]:
    return set(_WORDS.findall(b"\n".join(parts)))


def _lines(text: bytes) -> set[bytes]:
    return set(text.split(b"\n"))


def _heads(text: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, b"".join(args.split())) for name, args in _HEADS.findall(text)]
