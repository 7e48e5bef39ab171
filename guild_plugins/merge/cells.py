"""Notebooks cell by cell: each by its id, none lost, the layout as ours has it.

The text is cut where the cells begin and end, so that whatever is not a cell stays as
it is written. A cell that both sides changed has its source merged by lines; what a run
of it left behind is that of the side whose source it was run from. Without ids nothing
says which cell is which, and the lines have to do.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from guild_plugins.merge.by_lines import merge_lines
from guild_plugins.merge.data import Differs, merge_values
from guild_plugins.merge.entities import Entity, merge_entities
from guild_plugins.merge.lines import split_lines

CELLS, CELLS_EDITED = "cells", "cells-edited"

_MADE_BY_RUNS = ("outputs", "execution_count")
_KEY = '"cells"'


class NotCut(ValueError):
    """A text is no notebook whose cells have ids."""


class Notebook(NamedTuple):
    """A notebook's text, cut: what is before, between and after the cells, and they."""

    head: str
    cells: list[Entity]
    between: str
    tail: str


def merge_notebooks(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, str] | None:
    """Return a merged notebook and the rule it was merged by; ``None`` where it cannot be."""
    try:
        was, one, two = (cut(text.decode("utf-8")) for text in (base, ours, theirs))
        merging = _Merging()
        head, tail = _merged_rest(was, one, two)
        cells = merge_entities(was.cells, one.cells, two.cells, merging.merge_cell)
    except (NotCut, Differs, UnicodeDecodeError):
        return None
    if cells is None:
        return None
    between = one.between or two.between or ",\n  "
    text = head + between.join(cell.text.decode("utf-8") for cell in cells) + tail
    try:
        found = cut(text)
    except NotCut:
        return None
    if [cell.key for cell in found.cells] != [cell.key for cell in cells]:
        return None
    return text.encode("utf-8"), CELLS_EDITED if merging.is_guess else CELLS


def cells_fault(merged: bytes, base: bytes, ours: bytes, theirs: bytes) -> str | None:
    """Return what is wrong with the cells of a merged notebook: one lost, or there twice."""
    try:
        was, one, two = (
            {cell.key for cell in cut(t.decode("utf-8")).cells} for t in (base, ours, theirs)
        )
    except (NotCut, UnicodeDecodeError):
        return None
    try:
        found = {cell.key for cell in cut(merged.decode("utf-8")).cells}
    except (NotCut, UnicodeDecodeError) as error:
        return f"the merged notebook could not be read: {error}"
    wanted = (one & two) | (one - was) | (two - was)
    return None if wanted <= found else f"{len(wanted - found)} cells would be lost"


def cut(text: str) -> Notebook:
    """Cut a notebook at its cells.

    :raises NotCut: It is none, or a cell has no id of its own.
    """
    decoder = json.JSONDecoder()
    try:
        decoder.decode(text)
        at = text.index("[", text.index(_KEY) + len(_KEY)) + 1
        head_end = _past_blanks(text, at)
        cells, between, end = [], "", head_end
        at = head_end
        while text[at] != "]":
            value, end = decoder.raw_decode(text, at)
            cells.append(Entity(_id(value), text[at:end].encode("utf-8")))
            at = _past_blanks(text, end)
            if text[at] == ",":
                at = _past_blanks(text, at + 1)
                between = text[end:at]
    except (ValueError, IndexError) as error:
        raise NotCut(str(error)) from error
    if len({cell.key for cell in cells}) < len(cells):
        raise NotCut("two cells have one id")
    return Notebook(text[:head_end], cells, between, text[end:])


def _id(cell: object) -> str:
    key = cell.get("id") if isinstance(cell, dict) else None
    if not isinstance(key, str) or not key:
        raise NotCut("a cell has no id")
    return key


def _past_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _merged_rest(base: Notebook, ours: Notebook, theirs: Notebook) -> tuple[str, str]:
    """Return what is before and after the cells, merged by lines.

    :raises Differs: Both sides changed it at one place.
    """
    rests = ([part.encode() for part in (each.head, each.tail)] for each in (base, ours, theirs))
    heads, tails = zip(*rests, strict=True)
    merged = [merge_lines(*texts) for texts in (heads, tails)]
    if None in merged:
        raise Differs
    return tuple((text or b"").decode() for text in merged)  # type: ignore[return-value]


class _Merging:
    """Merges cells; remembers whether anything had to be guessed."""

    def __init__(self) -> None:
        self.is_guess = False

    def merge_cell(self, key: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:  # noqa: ARG002
        """Merge a cell that both sides changed."""
        texts = (base, ours, theirs)
        was, one, two = (json.loads(text) for text in texts)
        indent = _indent(ours)
        if json.dumps(one, indent=indent, ensure_ascii=False) != _unindented(ours):
            return None
        sources = [_source(cell) for cell in (was, one, two)]
        source = merge_lines(*(text.encode("utf-8") for text in sources))
        if source is None:
            return None
        ran = two if sources[1] == sources[0] else one
        merged = self._rest(was, one, two, ran)
        merged["source"] = _like(one["source"], source.decode("utf-8"))
        self.is_guess = self.is_guess or len(set(sources)) > 2
        text = json.dumps(
            {key: merged[key] for key in (*one, *two) if key in merged},
            indent=indent,
            ensure_ascii=False,
        )
        return _indented(text, ours).encode("utf-8")

    def _rest(
        self,
        base: dict[str, object],
        ours: dict[str, object],
        theirs: dict[str, object],
        ran: dict[str, object],
    ) -> dict[str, object]:
        """Merge all of a cell but its source."""
        merged: dict[str, object] = {}
        for name in {**ours, **theirs}:
            if name == "source":
                continue
            sides = [side.get(name) for side in (base, ours, theirs)]
            try:
                value = merge_values(*sides)
            except Differs:
                if name not in _MADE_BY_RUNS:
                    raise
                self.is_guess, value = True, ran.get(name)
            if value is not None or name in ran:
                merged[name] = value
        return merged


def _source(cell: dict[str, object]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def _like(pattern: object, source: str) -> object:
    """Return a source as one string or as lines, as another is."""
    if not isinstance(pattern, list):
        return source
    return [line.decode("utf-8") for line in split_lines(source.encode("utf-8"))]


def _indent(text: bytes) -> int | None:
    """Return by how much the fields of a cell are indented more than its end."""
    lines = text.split(b"\n")
    if len(lines) < 3:
        return None
    first, last = (len(line) - len(line.lstrip()) for line in (lines[1], lines[-1]))
    return first - last or None


def _unindented(text: bytes) -> str:
    first, *rest = text.decode("utf-8").split("\n")
    margin = len(rest[-1]) - len(rest[-1].lstrip()) if rest else 0
    return "\n".join([first, *(line[margin:] for line in rest)])


def _indented(text: str, pattern: bytes) -> str:
    last = pattern.decode("utf-8").split("\n")[-1]
    margin = " " * (len(last) - len(last.lstrip())) if b"\n" in pattern else ""
    return text.replace("\n", f"\n{margin}")
