"""Tables row by row: CSV and the like, with a key that is there once in each row.

The key is a column called ``id``, ``key``, ``uuid`` or ``name``, else the first one, if
its values are all there and all different in all versions. Rows stay as they are
written, quotes and all. Where every version is sorted by the key the result is, too.
"""

from __future__ import annotations

import csv
from typing import NamedTuple

from guild_plugins.merge.entities import Entity, merge_entities
from guild_plugins.merge.lines import split_lines

ROWS, ROWS_EDITED = "rows", "rows-edited"
KEYS = ("id", "key", "uuid", "name")
_DELIMITERS = ",;\t|"


class Table(NamedTuple):
    """A table: the line of names, and each row as it is written, with its fields."""

    head: bytes
    names: list[str]
    rows: list[tuple[bytes, list[str]]]


def merge_tables(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, str] | None:
    """Return a merged table and the rule it was merged by; ``None`` where it cannot be."""
    try:
        delimiter = _delimiter(ours)
        tables = [read_table(text, delimiter) for text in (base, ours, theirs)]
    except (csv.Error, UnicodeDecodeError):
        return None
    if delimiter is None or None in tables:
        return None
    was, one, two = (table for table in tables if table is not None)
    if not was.names == one.names == two.names or not was.head == one.head == two.head:
        return None
    column = _key_column([was, one, two])
    if column is None:
        return None
    sides = [[Entity(row[1][column], row[0]) for row in table.rows] for table in (was, one, two)]
    merging = _Merging(delimiter)
    merged = merge_entities(sides[0], sides[1], sides[2], merging.merge_row)
    if merged is None:
        return None
    if all(_is_sorted(side) for side in sides):
        merged.sort(key=lambda row: row.key)
    ended = all(row.text.endswith(b"\n") for row in merged[:-1])
    lines = [row.text if ended else row.text.rstrip(b"\r\n") + b"\n" for row in merged]
    text = one.head + b"".join(lines)
    again = read_table(text, delimiter)
    if again is None or [row[1][column] for row in again.rows] != [row.key for row in merged]:
        return None
    return text, ROWS_EDITED if merging.is_guess else ROWS


def read_table(text: bytes, delimiter: str | None) -> Table | None:
    """Return a table; ``None`` where a row has another number of fields than the names."""
    if delimiter is None:
        return None
    lines = split_lines(text)
    reader = csv.reader((line.decode("utf-8") for line in lines), delimiter=delimiter, strict=True)
    rows, at = [], 0
    for fields in reader:
        rows.append((b"".join(lines[at : reader.line_num]), fields))
        at = reader.line_num
    if not rows or any(len(fields) != len(rows[0][1]) for _, fields in rows):
        return None
    return Table(rows[0][0], rows[0][1], rows[1:])


def _delimiter(text: bytes) -> str | None:
    """Return what parts the names in the first line."""
    first = text.split(b"\n", 1)[0].decode("utf-8")
    found = max(_DELIMITERS, key=first.count)
    return found if first.count(found) else None


def _key_column(tables: list[Table]) -> int | None:
    names = [name.strip().lower().lstrip("\ufeff") for name in tables[0].names]
    for column in [names.index(name) for name in KEYS if name in names] or [0]:
        values = [[fields[column] for _, fields in table.rows] for table in tables]
        if all(all(side) and len(set(side)) == len(side) for side in values):
            return column
    return None


def _is_sorted(rows: list[Entity]) -> bool:
    keys = [row.key for row in rows]
    return keys == sorted(keys)


class _Merging:
    """Merges rows; remembers whether one was changed by both sides."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        self.is_guess = False

    def merge_row(self, key: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:  # noqa: ARG002
        """Merge a row that both sides changed, field by field; none that has quotes."""
        if b'"' in base + ours + theirs:
            return None
        fields = [side.rstrip(b"\r\n").split(self._delimiter) for side in (base, ours, theirs)]
        merged = []
        for was, one, two in zip(*fields, strict=True):
            if one != two and was not in (one, two):
                return None
            merged.append(two if one == was else one)
        self.is_guess = True
        end = ours[len(ours.rstrip(b"\r\n")) :]
        return self._delimiter.join(merged) + end
