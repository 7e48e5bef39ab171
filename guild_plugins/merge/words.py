"""The words of a text, and which of them its code uses beside its imports.

Bytes are split, replaced and translated here, and not matched: importing ``re`` costs the
driver as much as the merge of a usual file does.
"""

from __future__ import annotations

_WORD = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_SIGNS = frozenset(range(256)) - frozenset(_WORD) - frozenset(b" \t\n\r\f\v")
_ONLY_WORDS = bytes(byte if byte in _WORD else 32 for byte in range(256))


def words_of(text: bytes) -> list[bytes]:
    """Return the words, and every other byte but whitespace by itself, in order."""
    for sign in _SIGNS.intersection(text):
        text = text.replace(bytes((sign,)), bytes((32, sign, 32)))
    return text.split()


def tokens_of(text: bytes) -> list[bytes]:
    """Return the words, the runs of whitespace, and every other byte by itself."""
    found: list[bytes] = []
    at = 0
    for word in words_of(text):
        start = text.index(word, at)
        if start > at:
            found.append(text[at:start])
        found.append(word)
        at = start + len(word)
    return [*found, text[at:]] if at < len(text) else found


def words_outside_imports(text: bytes) -> set[bytes]:
    """Return every word that stands outside import statements."""
    kept: list[bytes] = []
    lines = iter(text.split(b"\n"))
    for line in lines:
        if not _begins_import(line):
            kept.append(line)
            continue
        end = b")" if b"(" in line else b""
        while (end and end not in line) or (not end and line.rstrip().endswith(b"\\")):
            following = next(lines, None)
            if following is None:
                break
            line = following
    return set(b"\n".join(kept).translate(_ONLY_WORDS).split())


def _begins_import(line: bytes) -> bool:
    words = line.split(None, 3)
    if words[:1] == [b"import"]:
        return len(words) > 1
    return words[:1] == [b"from"] and len(words) > 2 and words[2].startswith(b"import")
