"""The words of a text, and which of them its code uses beside its imports."""

from __future__ import annotations

import re

_WORD = rb"[^\W\d]\w*"
_IMPORT = (
    rb"(?m)^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]*(?:\([^)]*\)|(?:[^\n\\]|\\\r?\n)*)"
    rb"|import[ \t][^\n]*)"
)


def words_outside_imports(text: bytes) -> set[bytes]:
    """Return every word that stands outside import statements."""
    return set(re.findall(_WORD, re.sub(_IMPORT, b"", text)))
