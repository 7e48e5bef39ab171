"""What git's listings say: ``ls-tree -r -z`` and ``ls-files -s -z``. Pure.

Both are sorted by path, as bytes. An index of a hundred thousand files is
searched as it was printed: a hook that asks for a dozen paths does not pay for
the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property

from guild_plugins.git.trees import Entry

OURS = 2
"""The side of an unmerged path that stands for it."""


class Listing(Mapping[str, Entry]):
    """Paths and entries as git printed them, parsed when and as far as they are asked for.

    Each record is ``mode [type] oid [stage]``, a tab and the path, ended by NUL.

    :param absent: Paths that are listed and not there: those meant to be added.
    """

    def __init__(self, output: bytes, absent: frozenset[str] = frozenset()) -> None:
        self._output = output
        self._absent = absent

    def __getitem__(self, path: str) -> Entry:
        if "_all" in self.__dict__:
            return self._all[path]
        if path in self._absent:
            raise KeyError(path)
        found = self._search(os.fsencode(path))
        if found is None:
            raise KeyError(path)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def ends(self, name: str) -> list[str]:
        """Return the paths of files with a name, found without parsing the rest."""
        wanted = os.fsencode(name) + b"\0"
        found, at = [], self._output.find(wanted)
        while at >= 0:
            start = self._output.rfind(b"\0", 0, at) + 1
            _, _, path = self._output[start : at + len(wanted) - 1].partition(b"\t")
            if path == wanted[:-1] or path.endswith(b"/" + wanted[:-1]):
                found.append(os.fsdecode(path))
            at = self._output.find(wanted, at + 1)
        return [path for path in found if path not in self._absent]

    @cached_property
    def _all(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for record in self._output.split(b"\0"):
            head, tab, path = record.partition(b"\t")
            if not tab:
                continue
            name = os.fsdecode(path)
            entry, stage = _parse(head)
            if name not in entries or stage == OURS:
                entries[name] = entry
        for name in self._absent:
            entries.pop(name, None)
        return entries

    def _search(self, path: bytes) -> Entry | None:
        """Find a path by halving; of an unmerged one, our side."""
        low, high = 0, len(self._output)
        while low < high:
            start = self._output.rfind(b"\0", 0, (low + high) // 2) + 1
            end = self._output.index(b"\0", start)
            if self._output[start:end].partition(b"\t")[2] < path:
                low = end + 1
            else:
                high = start
        found: Entry | None = None
        while low < len(self._output):
            end = self._output.index(b"\0", low)
            head, _, name = self._output[low:end].partition(b"\t")
            if name != path:
                break
            entry, stage = _parse(head)
            if found is None or stage == OURS:
                found = entry
            low = end + 1
        return found


def _parse(head: bytes) -> tuple[Entry, int]:
    """Read ``mode oid stage`` of an index, or ``mode type oid`` of a tree."""
    mode, second, third = head.split(b" ")
    if len(third) == 1:
        return Entry(int(mode, 8), second.decode()), int(third)
    return Entry(int(mode, 8), third.decode()), 0
