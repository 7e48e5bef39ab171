"""What earlier looks found, so that a look costs what changed since the last one.

One file in Guild's folder in the common git directory, replaced as a whole. What is
damaged, or cannot be written, is as if nothing had been kept. What no look has asked
for in a while is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, TypeVar

from guild_plugins.stages.codec import Undecodable, decode, encode

VERSION: Final = 1
"""Goes up when what is found of the same trees changes."""

PATIENCE: Final = 20
"""Looks for which something is kept that none of them asked for."""

Value = TypeVar("Value")


class KeptLooks:
    """What is kept, by name.

    :param file: ``None`` keeps it for this process alone.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._ages: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._values: dict[str, object] = {}
        if file is not None:
            self._load(file)

    def get(self, name: str, kind: type[Value], find: Callable[[], Value]) -> Value:
        """Return a dataclass that is kept under a name, or else find it and keep it."""
        self._ages[name] = 0
        known = self._values.get(name)
        if isinstance(known, kind):
            return known
        value = self._decoded(name, kind)
        if value is None:
            value = find()
            self._texts[name] = encode(value)
        self._values[name] = value
        return value

    def end_look(self) -> None:
        """Keep what this look found, and drop what none has asked for in a while."""
        old = {name for name, age in self._ages.items() if age >= PATIENCE}
        for name in old:
            self._ages.pop(name)
            self._texts.pop(name, None)
            self._values.pop(name, None)
        if self._file is not None:
            with suppress(OSError):
                self._save(self._file)
        self._ages = {name: age + 1 for name, age in self._ages.items()}

    def _decoded(self, name: str, kind: type[Value]) -> Value | None:
        with suppress(KeyError, Undecodable):
            return decode(kind, self._texts[name])
        return None

    def _load(self, file: Path) -> None:
        with suppress(OSError, ValueError, TypeError, AttributeError):
            data = json.loads(file.read_bytes())
            if data["version"] == VERSION:
                for name, (age, text) in data["kept"].items():
                    if isinstance(age, int) and isinstance(text, str):
                        self._ages[name], self._texts[name] = age + 1, text

    def _save(self, file: Path) -> None:
        kept = {name: (age, self._texts[name]) for name, age in self._ages.items()}
        data = json.dumps({"version": VERSION, "kept": kept})
        file.parent.mkdir(exist_ok=True)
        with NamedTemporaryFile("w", dir=file.parent, prefix="clashes-", delete=False) as new:
            new.write(data)
        try:
            Path(new.name).replace(file)
        except OSError:
            Path(new.name).unlink(missing_ok=True)
            raise
