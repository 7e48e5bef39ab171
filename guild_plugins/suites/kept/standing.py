"""Stands in for functions of Python that no audit event tells of, and tells of their use.

Each function here puts its stand-in into place and returns what takes it away again.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TypeVar
from unittest import mock

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
    original: Any = type(os.environ)

    class Environ(original):  # type: ignore[misc]
        """The environment, with a note of each variable that is asked for."""

        def __getitem__(self, key: str | bytes) -> str | bytes:
            if isinstance(key, str | bytes) and not _copies_for_mock():
                heard(os.fsdecode(key))
            value: str | bytes = super().__getitem__(key)
            return value

    both: tuple[Any, ...] = (os.environ, os.environb)
    for environ in both:
        environ.__class__ = Environ

    def undo() -> None:
        for environ in both:
            environ.__class__ = original

    return undo


def _copies_for_mock() -> bool:
    """Say whether ``patch.dict`` is putting all variables aside, to give them back as they were."""
    asking: FrameType | None = sys._getframe(2)
    while asking is not None and asking.f_code.co_filename in _MAPPINGS:
        asking = asking.f_back
    return asking is not None and asking.f_code.co_filename == mock.__file__


_MAPPINGS = frozenset({os.environ.copy.__code__.co_filename, Mapping.get.__code__.co_filename})
"""The files of what copies and clears the environment."""


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

    return _put(name, look)


def for_access(heard: Callable[[Any], None]) -> Undo:
    """Tell of each path that ``os.access`` is asked about."""
    original = os.access

    @functools.wraps(original)
    def access(path: Any, mode: int, **options: Any) -> bool:
        answer = original(path, mode, **options)
        if options.get("dir_fd") is None:
            heard(path)
        return answer

    return _put("access", access)


def for_readlink(heard: Callable[[Any], None]) -> Undo:
    """Tell of each link whose target is asked for."""
    original: Any = os.readlink

    @functools.wraps(original)
    def readlink(path: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        target = original(path, **options)
        if options.get("dir_fd") is None:
            heard(path)
        return target

    return _put("readlink", readlink)


def _put(name: str, look: Any) -> Undo:
    """Put a function of ``os`` in place of one, also where ``os`` says what it supports."""
    module: Any = os
    original = getattr(module, name)
    known = [group for group in _SUPPORTS if original in group]

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
    os.supports_effective_ids,
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
