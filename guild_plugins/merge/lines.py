"""Files as lines of bytes.

Only a line feed ends a line: carriage returns, form feeds and a byte order mark
are content and come back as they were. No decoding happens here.
"""

from __future__ import annotations

BINARY_PROBE = 8000
"""Git looks for a zero byte in this many bytes to tell binary files from text."""


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines with their ends; the last one may have none."""
    if b"\r" not in data:
        return data.splitlines(keepends=True)
    lines = data.split(b"\n")
    last = lines.pop()
    lines = [line + b"\n" for line in lines]
    if last:
        lines.append(last)
    return lines


def is_binary(data: bytes) -> bool:
    """Return whether git would call this binary."""
    return b"\0" in data[:BINARY_PROBE]


def has_markers(data: bytes) -> bool:
    """Return whether the text holds conflict markers of any size of 7 or more."""
    if b"<<<<<<<" not in data or b">>>>>>>" not in data:
        return False
    return _starts_with(data, b"<") and _starts_with(data, b">")


def number_lines(*texts: list[bytes]) -> list[list[int]]:
    """Return the texts with equal lines as equal numbers, which compare quicker."""
    different = dict.fromkeys(line for text in texts for line in text)
    number_of = dict(zip(different, range(len(different)), strict=True)).__getitem__
    return [list(map(number_of, text)) for text in texts]


def ends_with_cr(lines: list[bytes], at: int) -> bool | None:
    """Return whether the line at an index ends in CR LF; ``None`` where nothing tells.

    A last line without an end is judged by the line before it.
    """
    if not lines:
        return None
    line = lines[at]
    if not line.endswith(b"\n"):
        if at == 0:
            return None
        line = lines[at - 1]
    return line.endswith(b"\r\n")


def _starts_with(data: bytes, sign: bytes) -> bool:
    marker = sign * 7
    at = 0 if data.startswith(marker) else data.find(b"\n" + marker) + 1
    while at or data.startswith(marker):
        rest = data[at : at + 200].split(b"\n", 1)[0].lstrip(sign)
        if not rest.strip(b"\r") or rest.startswith(b" "):
            return True
        following = data.find(b"\n" + marker, at)
        if following < 0:
            return False
        at = following + 1
    return False
