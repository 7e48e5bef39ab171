"""Stands in for functions of Python that no audit event tells of, and tells of their use.

Each function here puts its stand-in into place and returns what takes it away again.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Undo = Callable[[], None]


def for_import_module(heard: Callable[[str, str | None], None]) -> Undo:
    """Tell of each module that is asked for by name, be it loaded or not."""
    original = importlib.import_module

    @functools.wraps(original)
    def import_module(name: str, package: str | None = None) -> Any:
        __tracebackhide__ = True
        heard(name, package)
        return original(name, package)

    importlib.import_module = import_module
    return lambda: setattr(importlib, "import_module", original)


def for_environ(heard: Callable[[str], None]) -> Undo:
    """Tell of each variable that is read, there or not."""
    environ: Any = os.environ
    original = type(environ)

    class Environ(original):  # type: ignore[misc, valid-type]
        """The environment, with a note of each variable that is asked for."""

        def __getitem__(self, key: str) -> str:
            if isinstance(key, str):
                heard(key)
            value: str = super().__getitem__(key)
            return value

    environ.__class__ = Environ
    return lambda: setattr(environ, "__class__", original)


def for_fork_exec(heard: Callable[[], None]) -> Undo:
    """Tell of processes that multiprocessing spawns; of subprocess' own there is an event."""
    import _posixsubprocess

    module: Any = _posixsubprocess
    original = module.fork_exec

    def fork_exec(*arguments: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") != "subprocess":
            heard()
        return original(*arguments)

    module.fork_exec = fork_exec
    return lambda: setattr(module, "fork_exec", original)


def for_stat(name: str, heard: Callable[[Any, os.stat_result | None], None]) -> Undo:
    """Tell of each path that ``os.stat`` or ``os.lstat`` looks at, with what it found.

    ``os.path.exists`` and its like, ``pathlib`` and ``shutil.which`` look through these two.
    """
    module: Any = os
    original = getattr(module, name)
    known = [group for group in _SUPPORTS if original in group]

    @functools.wraps(original)
    def look(path: Any, *args: Any, **options: Any) -> os.stat_result:
        __tracebackhide__ = True
        found = None
        try:
            found = original(path, *args, **options)
        finally:
            if options.get("dir_fd") is None:
                heard(path, found)
        result: os.stat_result = found
        return result

    def undo() -> None:
        setattr(module, name, original)
        for group in known:
            group.discard(look)

    setattr(module, name, look)
    for group in known:
        group.add(look)
    return undo


_SUPPORTS: tuple[set[Any], ...] = (
    os.supports_fd,
    os.supports_dir_fd,
    os.supports_follow_symlinks,
)


def among_importlibs_own(function: Function) -> Function:
    """Return a function that counts as importlib's own where callers are looked for.

    Warnings at import are put down to whoever imports: their stack levels leave frames of importlib
    out, and tracebacks of failed imports do too.
    """
    changed: Any = function
    changed.__code__ = changed.__code__.replace(
        co_filename="<frozen importlib._bootstrap_external>"
    )
    return function
