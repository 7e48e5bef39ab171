"""Packages with fixtures of their own, which a worker should not enter twice.

pytest sets a package's fixture up when it comes to the package and tears it down when it
goes on elsewhere. One that runs everything in order comes to each package once; a worker
that is sent from file to file would come, leave and come back. It is told by the text which
packages have such fixtures: nothing is imported. Too many are harmless, they only bind the
order of files a little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SCOPED: Final = re.compile(rb"""["']package["']""")
"""In a conftest: ``scope="package"``, also where a function or a constant says so."""

_SET_UP: Final = re.compile(rb"^def (?:(?:setup|teardown)_module|(?:setUp|tearDown)Module)\b", re.M)
"""In an ``__init__.py``: pytest calls these around the whole package."""


class Visits:
    """Answers for one tree, reading each directory once."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[str, ...]] = {}

    def around(self, files: Iterable[str]) -> tuple[str, ...]:
        """Return the packages with fixtures of their own around all files, outermost first.

        :param files: Absolute paths.
        """
        first, *others = {self._around(Path(file).parent) for file in files}
        return tuple(visit for visit in first if all(visit in chain for chain in others))

    def _around(self, directory: Path) -> tuple[str, ...]:
        found = self._known.get(directory)
        if found is None:
            above = () if directory.parent == directory else self._around(directory.parent)
            found = (*above, str(directory)) if _has_fixtures(directory) else above
            self._known[directory] = found
        return found


def _has_fixtures(directory: Path) -> bool:
    init = _read(directory / "__init__.py")
    if init is None:
        return False  # no package for pytest: its fixtures would live for the whole session
    conftest = _read(directory / "conftest.py")
    return bool(_SET_UP.search(init) or (conftest and _SCOPED.search(conftest)))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
