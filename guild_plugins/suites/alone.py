"""A suite runs in this process as if it were alone: its own directory, variables and modules.

The names of tests and conftests of other suites stand in its way: packages called
``tests`` and modules called ``conftest`` are in every member of a workspace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from guild_plugins.suites.pools import Pool


@contextmanager
def as_if_alone(pool: Pool, files: Iterable[str], anew: Collection[str] = ()) -> Iterator[None]:
    """Give a suite its directory and variables, and take its modules and paths away afterwards.

    Without a directory of its own its modules stay: they are those of the others.

    :param files: The suite's test files: modules of other suites that are called as one of
        them, or as a conftest on the way to one, are put aside meanwhile.
    :param anew: First names of modules that it is to import anew.
    """
    home = pool.root
    here, path, environ = Path.cwd(), sys.path[:], dict(os.environ)
    aside = _in_the_way(top_names(files, home), home) if home is not None else {}
    aside |= {name: module for name, module in sys.modules.items() if _top(name) in anew}
    for name in aside:
        del sys.modules[name]
    before = set(sys.modules)
    if home is not None:
        os.chdir(home)
    os.environ.update(pool.env)
    try:
        yield
    finally:
        os.chdir(here)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environ)
        for name in set(sys.modules) - before:
            if _top(name) in anew or (home is not None and _lies_in(sys.modules[name], home)):
                del sys.modules[name]
        sys.modules.update(aside)
        sys.path_importer_cache.clear()


def top_names(files: Iterable[str], home: Path) -> set[str]:
    """Return the first names under which pytest imports test files and the conftests above them."""
    names = set()
    directories: set[Path] = set()
    for file in map(Path, files):
        names.add(_top_of(file))
        directories.update(d for d in file.parents if d.is_relative_to(home))
    for directory in directories:
        conftest = directory / "conftest.py"
        if conftest.is_file():
            names.add(_top_of(conftest))
    return names


def _top_of(file: Path) -> str:
    """Return the first part of a file's module name: of the outermost package that holds it."""
    top = file
    for directory in file.parents:
        if not (directory / "__init__.py").is_file():
            break
        top = directory
    return top.stem if top is file else top.name


def _in_the_way(names: set[str], home: Path) -> dict[str, ModuleType]:
    """Return the modules that go by one of these names, of packages that lie elsewhere."""
    foreign = set()
    for name in names & sys.modules.keys():
        file = _file_of(sys.modules[name])
        if file is not None and not file.is_relative_to(home):  # namespace packages have no file
            foreign.add(name)
    return {name: module for name, module in sys.modules.items() if _top(name) in foreign}


def _top(name: str) -> str:
    return name.partition(".")[0]


def _lies_in(module: ModuleType, directory: Path) -> bool:
    file = _file_of(module)
    return file is not None and file.is_relative_to(directory)


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def plugin_of(error: BaseException) -> str | None:
    """Return the first name of the module in whose hook an error arose; None for pytest's own."""
    step = error.__traceback__
    while step is not None:
        top = _top(step.tb_frame.f_globals.get("__name__", ""))
        if top not in ("pluggy", "_pytest", "pytest", "guild_plugins"):
            return top or None
        step = step.tb_next
    return None
