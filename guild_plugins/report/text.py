"""Text that is safe to print: names come from repositories, and may hold anything. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """Escape what a terminal would obey or cannot show; line breaks as well."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def printable_lines(text: str) -> str:
    """Escape as `printable` does, but keep line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def _escape(sign: str) -> str:
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return sign.encode("unicode_escape", "backslashreplace").decode("ascii")
