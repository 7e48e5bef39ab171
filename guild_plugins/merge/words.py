"""The words of a text, and which of them its code uses beside its imports."""

from __future__ import annotations

import re

_WORD = re.compile(rb"[^\W\d]\w*")
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]*(?:\([^)]*\)|(?:[^\n\\]|\\\r?\n)*)"
    rb"|import[ \t][^\n]*)",
    re.M,
)


def words_outside_imports(text: bytes) -> set[bytes]:
    """Return every word that stands outside import statements."""
    return set(_WORD.findall(_IMPORT.sub(b"", text)))
