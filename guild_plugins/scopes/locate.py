"""The line on which a TOML file says something.

Pure. No TOML reader in use here keeps positions, so the text is scanned for
table headers and keys. It is used for error messages alone: where strings over
several lines confuse the scan, the message names a line nearby.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"\s*(\[\[?[^\]]*\]\]?)\s*(#.*)?\Z")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""")
MAX_DEPTH = 32

Key = tuple[str, ...]


def line_of(text: str, key: Sequence[str]) -> int:
    """Return the line of a key, or of the nearest table above it that is written out."""
    best, line = 0, 1
    wanted = tuple(key)
    for number, found in _keys(text):
        shared = _shared(found, wanted)
        if shared > best and (len(found) == shared or shared == len(wanted)):
            best, line = shared, number
    return line


def _keys(text: str) -> Iterator[tuple[int, Key]]:
    """Yield each header and key with its line, keys with the table that they stand in."""
    table: Key = ()
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        if header is not None:
            table = _path(header.group(1)) or ()
            yield number, table
            continue
        key = _KEY.match(line)
        if key is not None:
            path = _path(f"{key.group(1)} = 0")
            if path:
                yield number, table + path


def _path(line: str) -> Key:
    """Return the key that a line of TOML defines."""
    if line.count(".") > MAX_DEPTH:
        return ()
    try:
        value: object = tomllib.loads(line)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    path: list[str] = []
    while True:
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, dict) or not value:
            return tuple(path)
        name, value = next(iter(value.items()))
        path.append(name)


def _shared(first: Key, second: Key) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
