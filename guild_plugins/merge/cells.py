"""Notebooks cell by cell: each by its id, none lost, the layout as ours has it.

The text is cut where the cells begin and end, so that whatever is not a cell stays as
it is written. A cell that both sides changed has its source merged by lines; what a run
of it left behind is that of the side whose source it was run from. Where no
cell has an id, they are told by what is in them (see ``nameless``).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from guild_plugins.merge.by_lines import merge_lines
from guild_plugins.merge.data import Differs, merge_values
from guild_plugins.merge.entities import Entity, merge_entities
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.lines import split_lines

CELLS, CELLS_EDITED, CELLS_RUN = "cells", "cells-edited", "cells-run"
CELLS_MATCHED, CELLS_MATCHED_EDITED = "cells-matched", "cells-matched-edited"

_MADE_BY_RUNS = ("outputs", "execution_count")
_OF_THE_KERNEL = ("kernelspec", "language_info")
_KEY = '"cells"'


class NotCut(ValueError):
    """A text is no notebook whose cells can be told apart."""


class Notebook(NamedTuple):
    """A notebook's text, cut: what is before, between and after the cells, and they."""

    head: str
    cells: list[Entity]
    between: str
    tail: str

    @property
    def is_nameless(self) -> bool:
        """Whether there are cells, and they have no ids."""
        return bool(self.cells) and not self.cells[0].key


def merge_notebooks(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, str] | None:
    """Return a merged notebook and the rule it was merged by; ``None`` where it cannot be."""
    try:
        was, one, two = (cut(text.decode("utf-8")) for text in (base, ours, theirs))
        merging = _Merging()
        head, tail = merging.merge_rest(was, one, two)
        named = _named(was, one, two)
        cells = merge_entities(*named, merging.merge_cell) if named else None
    except (NotCut, Differs, UnicodeError, TooCostly):
        return None
    if cells is None:
        return None
    between = one.between or two.between or ",\n  "
    text = head + between.join(cell.text.decode("utf-8") for cell in cells) + tail
    try:
        found = cut(text)
    except NotCut:
        return None
    if [cell.text for cell in found.cells] != [cell.text for cell in cells]:
        return None
    is_matched = was.is_nameless or one.is_nameless
    if merging.both_edited:
        rule = CELLS_MATCHED_EDITED if is_matched else CELLS_EDITED
    else:
        rule = CELLS_RUN if merging.both_ran else CELLS_MATCHED if is_matched else CELLS
    return text.encode("utf-8"), rule


Named = tuple[list[Entity], list[Entity], list[Entity]]


def _named(
    was: Notebook, one: Notebook, two: Notebook
) -> tuple[list[Entity], list[Entity], list[Entity]] | None:
    """Return the cells with keys; ``None`` where it cannot be said which is which.

    :raises NotCut: One version has ids and another has none.
    """
    versions = (was, one, two)
    nameless = [version.is_nameless for version in versions if version.cells]
    if not any(nameless):
        return was.cells, one.cells, two.cells
    if not all(nameless):
        raise NotCut("not all versions have ids")
    from guild_plugins.merge.nameless import Cell, name_cells, read_cell

    def read(entity: Entity) -> Cell:
        cell = json.loads(entity.text)
        source = _source(cell).encode("utf-8", "surrogatepass")
        return read_cell(str(cell.get("cell_type", "")), source, entity.text)

    base, ours, theirs = (list(map(read, version.cells)) for version in versions)
    return name_cells(base, ours, theirs)


def cells_fault(merged: bytes, base: bytes, ours: bytes, theirs: bytes) -> str | None:
    """Return what is wrong with the cells of a merged notebook: one lost, or there twice."""
    try:
        versions = [cut(text.decode("utf-8")) for text in (base, ours, theirs)]
    except (NotCut, UnicodeDecodeError):
        return None
    if any(version.is_nameless for version in versions):
        return None
    was, one, two = ({cell.key for cell in version.cells} for version in versions)
    try:
        found = {cell.key for cell in cut(merged.decode("utf-8")).cells}
    except (NotCut, UnicodeDecodeError) as error:
        return f"the merged notebook could not be read: {error}"
    wanted = (one & two) | (one - was) | (two - was)
    return None if wanted <= found else f"{len(wanted - found)} cells would be lost"


def cut(text: str) -> Notebook:
    """Cut a notebook at its cells.

    :raises NotCut: It is none, or only some cells have ids, or two have the same.
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
    keys = {cell.key for cell in cells}
    if keys != {""} and (len(keys) < len(cells) or "" in keys):
        raise NotCut("two cells have one id, or one has none")
    return Notebook(text[:head_end], cells, between, text[end:])


def _id(cell: object) -> str:
    """Return a cell's id; nothing for none."""
    if not isinstance(cell, dict):
        raise NotCut("a cell is none")
    key = cell.get("id", "")
    return key if isinstance(key, str) else ""


def _past_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _rest_of_one(base: Notebook, ours: Notebook, theirs: Notebook) -> tuple[str, str]:
    """Return what is around the cells as one side has it, where it differs by the kernel alone.

    :raises Differs: Both sides changed something else, too.
    """
    was, one, two = (_without_kernel(each) for each in (base, ours, theirs))
    if one != two and was not in (one, two):
        raise Differs
    taken = theirs if one == was != two else ours
    return taken.head, taken.tail


def _without_kernel(notebook: Notebook) -> object:
    rest = json.loads(notebook.head + notebook.tail)
    metadata = rest.get("metadata")
    if isinstance(metadata, dict):
        for name in _OF_THE_KERNEL:
            metadata.pop(name, None)
    return rest


class _Merging:
    """Merges cells; remembers what both sides did to one."""

    def __init__(self) -> None:
        self.both_edited = self.both_ran = False

    def merge_rest(self, base: Notebook, ours: Notebook, theirs: Notebook) -> tuple[str, str]:
        """Return what is before and after the cells.

        :raises Differs: Both sides changed it at one place, and it is not what ran the cells.
        """
        rests = ([part.encode() for part in (e.head, e.tail)] for e in (base, ours, theirs))
        heads, tails = zip(*rests, strict=True)
        head, tail = merge_lines(*heads), merge_lines(*tails)
        if head is None or tail is None:
            self.both_ran = True
            return _rest_of_one(base, ours, theirs)
        return head.decode(), tail.decode()

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
        self.both_edited = self.both_edited or len(set(sources)) > 2
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
                self.both_ran, value = True, ran.get(name)
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
