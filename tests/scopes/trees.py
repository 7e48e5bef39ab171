"""A tree in memory, for tests of what is pure given a tree."""

from __future__ import annotations

from collections.abc import Mapping


class MemoryTree:
    def __init__(self, contents: Mapping[str, str | bytes] | list[str]) -> None:
        if isinstance(contents, list):
            contents = dict.fromkeys(contents, "x = 1\n")
        self._contents = {
            path: text.encode() if isinstance(text, str) else text
            for path, text in contents.items()
        }
        self.files = tuple(self._contents)

    def read(self, path: str) -> bytes | None:
        return self._contents.get(path)

    def size(self, path: str) -> int:
        return len(self._contents.get(path, b""))
