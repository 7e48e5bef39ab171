"""Where plugins are looked for, and whether it is worth looking.

Reading the metadata of all distributions takes `importlib.metadata`, which costs a
git hook more than all of its work. One look into the directories tells whether any
of them can have a plugin, in about a millisecond.
"""

from __future__ import annotations

import os
import re
import site
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

GROUP = "guild"
"""The group of entry points that plugins are in."""


def trusted_places(clone: Path | None = None, path: Sequence[str] | None = None) -> list[str]:
    """Return where packages are installed: Python's path, without what nobody has installed.

    The directory that Python was started in is left out: ``python -m`` puts it first,
    and it may be a clone that nobody trusts. So is what lies in the clone that is
    judged, but for the ``site-packages`` of this Python.

    :param path: Another path than this Python's.
    """
    found = [entry for entry in (sys.path if path is None else path) if entry]
    real = {entry: os.path.realpath(entry) for entry in found}
    try:
        here = os.path.realpath(Path.cwd())
    except OSError:  # it was removed
        here = ""
    top = os.path.realpath(clone) if clone is not None else None
    sites = [*site.getsitepackages(), site.getusersitepackages()]
    installed = {os.path.realpath(folder) for folder in sites}
    return [
        entry
        for entry in found
        if real[entry] != here
        and (top is None or not _lies_in(real[entry], top) or real[entry] in installed)
    ]


def may_have_plugins(group: str, places: Iterable[str]) -> bool:
    """Say whether a distribution in some directories can have entry points of a group.

    What is no directory (a zip file) or holds eggs is not looked into: it may.
    """
    head = re.compile(rb"^[ \t]*\[[ \t]*%s[ \t]*\]" % re.escape(group.encode()), re.MULTILINE)
    return any(_may_have(head, place) for place in places)


def _may_have(head: re.Pattern[bytes], place: str) -> bool:
    try:
        names = os.listdir(place)  # noqa: PTH208 - hundreds of names, on every commit
    except NotADirectoryError:
        return True
    except OSError:
        return False
    for name in names:
        if name.endswith(".egg"):
            return True
        if name.endswith((".dist-info", ".egg-info")):
            content = _content(f"{place}{os.sep}{name}{os.sep}entry_points.txt")
            if head.search(content):
                return True
    return False


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
