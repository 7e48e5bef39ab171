"""What is at work in a process of tests, as contexts of coverage: test files, imports, fixtures.

A module is imported once in a process, and a fixture of a session is set up once, for whoever
comes first. So what they run gets a label of its own, and it is noted who needed them, be it
first or not. Then each test file can be told all that it covers, and tells the same whatever
ran before it in its process.

What else runs once for whoever comes first, such as what a program computes and then remembers,
is put down to the file that came first.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import quote

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook
from _pytest.config import PytestPluginManager
from _pytest.fixtures import FixtureDef

from guild_plugins.suites.kept.standing import Undo, among_importlibs_own, for_import_module
from guild_plugins.suites.recorder import Recorder

TEST, IMPORT, FIXTURE = "guild test ", "guild import ", "guild fixture "
"""The beginnings of labels; a path from the repository's top follows, or an absolute one."""

WIDE: Final = frozenset({"session", "package"})
"""The scopes of fixtures that several test files share."""

_LOADER: Final[Any] = next(
    kind for kind in importlib.machinery.SourceFileLoader.__mro__ if "exec_module" in vars(kind)
)
"""What all of importlib's loaders of code have their ``exec_module`` from."""


class Entry(NamedTuple):
    """What is at work.

    :param label: What needs are put down to.
    :param context: What lines are put down to.
    """

    label: str
    context: str


OUTSIDE: Final = Entry("", "")


class Labels:
    """Has the recorder put down what runs to what is at work.

    :param top: The repository's top directory.
    """

    running: ClassVar[Labels | None] = None

    def __init__(self, top: str, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tops = tuple(dict.fromkeys((top + os.sep, os.path.realpath(top) + os.sep)))
        self._foreign = tuple({sys.prefix + os.sep, sys.base_prefix + os.sep})
        self._stack = [OUTSIDE]
        self._is_lingering = False
        self._needs: dict[str, dict[str, None]] = {"": {}}
        self._heard: set[tuple[object, ...]] = set()
        self._imports: dict[str, Entry] = {}
        self._thread = threading.get_ident()
        self._undo: list[Undo] = []

    def install(self) -> None:
        """Begin to label."""
        Labels.running = self
        self._undo += [
            _replace(builtins, "__import__", self._hearing),
            for_import_module(self._asked),
            _replace(_LOADER, "exec_module", self._loading),
            _replace(AssertionRewritingHook, "exec_module", self._loading),
            _replace(PytestPluginManager, "_importconftest", self._loading_conftest),
            _replace(FixtureDef, "execute", self._handing_out),
        ]

    def stop(self) -> None:
        """Label no more: what runs is put down to scopes again."""
        while self._undo:
            self._undo.pop()()
        self._stack, self._is_lingering = [OUTSIDE], False
        self._recorder.label("")
        if Labels.running is self:
            Labels.running = None

    def observed(self) -> str:
        """Return who needed what, as JSON in ASCII."""
        return json.dumps({label: list(needs) for label, needs in self._needs.items()})

    # -- what is at work --------------------------------------------------------------

    def begin_test(self, path: str) -> int:
        """Put down what follows to a test file; return what ``end`` takes."""
        return self._begin(_entry(TEST + self._place(path)))

    def end(self, depth: int, *, lingers: bool = False) -> None:
        """End what was begun.

        :param lingers: The same is begun again in a moment.
        """
        del self._stack[depth:]
        self._is_lingering = lingers
        if not lingers:
            self._recorder.label(self._stack[-1].context)

    def settle(self) -> None:
        """End what lingers."""
        if self._is_lingering:
            self._is_lingering = False
            self._recorder.label(self._stack[-1].context)

    def _begin(self, entry: Entry) -> int:
        """Put down what follows to something that what is at work needs."""
        self._need(entry.label)
        return self._resume(entry)

    def _resume(self, entry: Entry) -> int:
        """Put down what follows to something that is no matter of what is at work."""
        depth = len(self._stack)
        self._stack.append(entry)
        self._needs.setdefault(entry.label, {})
        self._is_lingering = False
        self._recorder.label(entry.context)
        return depth

    def _need(self, label: str) -> None:
        self._needs[self._stack[-1].label][label] = None

    # -- imports ----------------------------------------------------------------------

    def _hearing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        heard = self._heard

        def __import__(  # noqa: N807 - it stands in for it
            name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
        ) -> Any:
            module = original(name, globals, locals, fromlist, level)
            try:
                base = globals["__package__"] if level else ""
                mark = (self._stack[-1].label, name, base, fromlist, level)
                if mark not in heard:
                    heard.add(mark)
                    self._imported(name, base, fromlist or (), level)
            except (TypeError, KeyError):
                self._imported(name, "", fromlist or (), 0)
            return module

        return among_importlibs_own(__import__)

    def _imported(self, name: str, package: str | None, names: Any, level: int) -> None:
        """Note which modules a statement came to: whole, its parents and what it takes of it."""
        if level:
            try:
                name = importlib.util.resolve_name("." * level + name, package)
            except (ImportError, TypeError, ValueError):
                return
        parts = name.split(".")
        found = [".".join(parts[: n + 1]) for n in range(len(parts))]
        for each in [*found, *(f"{name}.{taken}" for taken in names)]:
            file = getattr(sys.modules.get(each), "__file__", None)
            if isinstance(file, str):
                self._need(self._import(file).label)

    def _asked(self, name: str, package: str | None) -> None:
        level = len(name) - len(name.lstrip("."))
        self._imported(name[level:], package, (), level)

    def _import(self, file: str) -> Entry:
        entry = self._imports.get(file)
        if entry is None:
            entry = self._imports[file] = _entry(IMPORT + self._place(file))
        return entry

    def _loading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def exec_module(loader: Any, module: Any) -> Any:
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or threading.get_ident() != self._thread:
                return original(loader, module)
            entry = self._import(file)
            if file.startswith(self._foreign) and not file.startswith(self._tops):
                entry = Entry(entry.label, self._stack[-1].context)
            depth = self._begin(entry)
            try:
                return original(loader, module)
            finally:
                self.end(depth)

        return among_importlibs_own(exec_module)

    def _loading_conftest(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def _importconftest(manager: Any, conftestpath: Any, *args: Any, **named: Any) -> Any:
            depth = self._begin(self._import(str(conftestpath)))
            try:
                return original(manager, conftestpath, *args, **named)
            finally:
                self.end(depth)

        return _importconftest

    # -- fixtures ---------------------------------------------------------------------

    def _handing_out(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def execute(fixture: Any, request: Any) -> Any:
            __tracebackhide__ = True
            if fixture.scope in WIDE:
                self._need(_fixture(fixture, request).label)
            return original(fixture, request)

        return execute

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: Any
    ) -> Generator[None, object, object]:
        """Label the set-up of a fixture that several files share, and its end."""
        if fixturedef.scope not in WIDE:
            return (yield)
        entry = _fixture(fixturedef, request)
        ends: list[int] = []
        fixturedef.addfinalizer(lambda: self.end(ends.pop()) if ends else None)
        depth = self._begin(entry)
        try:
            return (yield)
        finally:
            self.end(depth)
            fixturedef.addfinalizer(lambda: ends.append(self._resume(entry)))

    def _place(self, path: str) -> str:
        for top in self._tops:
            if path.startswith(top):
                return spelled(path[len(top) :].replace(os.sep, "/"))
        return spelled(path)


def spelled(path: str) -> str:
    """Return a path as it stands in labels: without what coverage.py takes for its own marks."""
    return quote(path, safe="/ ", errors="surrogateescape")


def _entry(label: str) -> Entry:
    return Entry(label, label)


def _fixture(fixture: Any, request: Any) -> Entry:
    function = getattr(fixture.func, "__qualname__", "")
    words = (fixture.baseid, fixture.argname, function, str(getattr(request, "param_index", 0)))
    return _entry(FIXTURE + spelled(" ".join(map(str, words))))


def _replace(owner: Any, name: str, make: Any) -> Undo:
    """Put a stand-in, or what it makes of the original, in place of a function."""
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    return lambda: setattr(owner, name, original)
