"""What the process of a test run reads beside what the import graph shows.

An audit hook hears of opened files, listed folders, imports and processes; names of
imported modules and of read variables are noted by standing in for ``import_module``
and ``os.environ``. Each of these notes is put down to two kinds of sources: the test
file that is at work, and every file of the repository on the stack.

The second makes the notes independent of order. Tests of one process share modules, and
what these hold: a file that was read for one test file is not read again for the next.
But that is only so where the next one gets at it through a module that read it, or through
one that called it; and that module it needs by the import graph, or by a note.

An audit hook cannot be removed, and is called very often. So it passes over what it does not
look for at once, and when the run has ended, over everything.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import guild_plugins
from guild_plugins.suites.kept import standing

ANY: Final = "*"
"""The source of a note that no file of the repository accounts for: all tests may depend on it."""

ESCAPES: Final = {
    "os.exec": "replaced its process",
    "os.fork": "forked",
    "os.forkpty": "forked",
    "os.posix_spawn": "started a process",
    "os.system": "started a process",
    "pty.spawn": "started a process",
    "socket.connect": "used the network",
    "socket.sendto": "used the network",
    "socket.sendmsg": "used the network",
    "socket.getaddrinfo": "used the network",
    "socket.gethostbyname": "used the network",
}
"""Events after which a test depends on what cannot be followed."""

HARMLESS: Final = frozenset({"uname", "ldconfig", "lsb_release", "getconf", "sw_vers"})
"""Programs that say what kind of machine this is, which the key knows of."""

_IMPORTING: Final = "<frozen importlib._bootstrap_external>"
CACHES: Final = frozenset(
    {"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"}
)
_VARIABLES_OF_RUNS: Final = (
    "PYTEST_ADDOPTS",
    "PYTEST_CURRENT_TEST",
    "PYTEST_VERSION",
    "PYTEST_XDIST_",
    "COVERAGE_",
    "COV_CORE_",
    "GUILD_",
)
"""The beginnings of variables that are set by what runs tests, or are in the key already."""
_VARIABLES_OF_SHELLS: Final = frozenset({"_", "OLDPWD", "SHLVL"})
"""What a shell sets for each command anew; who reads all variables does not mean these."""
_SYSTEM: Final = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
_OWN: Final = frozenset({__file__, standing.__file__})
_WRITES: Final = os.O_TRUNC | os.O_EXCL


class Tracker:
    """Takes notes in one process; ``observed`` returns them.

    :param top: The repository's top directory.
    """

    running: Tracker | None = None

    def __init__(self, top: str) -> None:
        real = os.path.realpath(top)
        self._tops = tuple(dict.fromkeys((top + os.sep, real + os.sep)))
        self._environment = _directories((sys.prefix, sys.base_prefix, sys.exec_prefix), self._tops)
        self._passing = _directories(
            (
                tempfile.gettempdir(),
                "/proc",
                "/dev",
                "/sys",
                os.path.dirname(guild_plugins.__file__),
            ),
            self._tops,
        )
        self._places: dict[str, str | None] = {}
        self._window: str | None = None
        self._seen: set[tuple[str, str, str, str | None]] = set()
        self._notes: dict[tuple[str, str, str], None] = {}
        self._written: set[str] = set()
        self._files: dict[str, object] = {}
        self._modules = (0, "")
        self._own_children: set[str] | None = None
        self._has_escaped = False
        self._loaded: dict[tuple[str, str], None] = {}
        self._ended: dict[str, int] = {}
        self._handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {}
        self._undo: list[Callable[[], None]] = []
        self.trouble = ""

    # -- the process ------------------------------------------------------------------

    def install(self) -> None:
        """Begin to take notes."""
        Tracker.running = self
        self._handlers.update(
            {
                "open": self._open,
                "os.listdir": self._list,
                "os.scandir": self._list,
                "import": self._import,
                "subprocess.Popen": self._process,
                "sqlite3.connect": self._connect,
                "ctypes.dlopen": self._library,
                **{event: self._escape(event) for event in ESCAPES},
            }
        )
        sys.addaudithook(self._listener())
        self._undo += [
            standing.for_import_module(self._asked),
            standing.for_environ(self._variable),
            standing.for_fork_exec(lambda: self._note("escape", "started a process")),
            standing.for_stat("stat", self._look),
            standing.for_stat("lstat", self._look_at_link),
            standing.for_access(self._look_at_mode),
            standing.for_readlink(self._look_at_target),
        ]

    def stop(self) -> None:
        """Take no more notes. The hook stays, and does nothing."""
        self._handlers.clear()
        while self._undo:
            self._undo.pop()()
        if Tracker.running is self:
            Tracker.running = None

    @classmethod
    @contextmanager
    def resting(cls) -> Iterator[None]:
        """Take no notes for a while: what Guild itself reads in a process of tests is no input."""
        tracker, cls.running = cls.running, None
        handlers = {} if tracker is None else dict(tracker._handlers)
        if tracker is not None:
            tracker._handlers.clear()
        try:
            yield
        finally:
            if tracker is not None:
                tracker._handlers.update(handlers)
            cls.running = tracker

    def _listener(self) -> Callable[[str, tuple[Any, ...]], None]:
        """Return the audit hook.

        It is a function and says that it is not to be traced: Python looks for that each time, and
        of a method without success, which takes four times as long as all else.
        """
        find = self._handlers.get

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            handler = find(event)
            if handler is not None:
                try:
                    handler(arguments)
                except Exception as error:  # noqa: BLE001 - it must not reach whoever opened a file
                    self.trouble = f"{type(error).__name__} on {event}: {error}"

        hear.__cantrace__ = False  # type: ignore[attr-defined]
        return hear

    # -- test files ---------------------------------------------------------------------

    def begin(self, path: str) -> str | None:
        """Put down what follows to a test file; return the one before."""
        if self._own_children is None:
            self._own_children = _children()
        before, self._window = self._window, self.place_of(path)
        return before

    def end(self, before: str | None) -> None:
        """End what ``begin`` began."""
        self._note_modules()
        if self._window is not None:
            if self._has_left_a_process():  # until it has ended
                self._add(ANY, "escape", "ran beside a process that an earlier test left behind")
            self._ended[self._window] = len(self._notes)
        self._window = before

    def observed(self) -> str:
        """Return all notes, as JSON in ASCII."""
        self._note_modules(is_last=True)
        return json.dumps(
            {
                "notes": list(self._notes),
                "loaded": list(self._loaded),
                "ended": self._ended,
                "trouble": self.trouble,
            }
        )

    # -- events -----------------------------------------------------------------------

    def _open(self, arguments: tuple[Any, ...]) -> None:
        name, mode, flags = arguments[:3]
        if sys._getframe(2).f_code.co_filename == _IMPORTING and _is_code(name):
            self._load(name)
            return
        path = self._file(name)
        if path is None:
            return
        is_written = bool(flags & _WRITES) if isinstance(flags, int) else False
        if isinstance(mode, str):
            is_written = is_written or "w" in mode or "x" in mode
        if is_written:
            self._written.add(path)
        elif path not in self._written:
            self._note("file", path)

    def _load(self, name: str) -> None:
        """Note code that is loaded, which need not become a module of any name."""
        try:
            source = importlib.util.source_from_cache(name) if name.endswith(".pyc") else name
        except ValueError:
            source = name
        path = self._file(source)
        if path is not None:
            self._note("code", path, innermost=True)

    def _look(self, name: Any, found: os.stat_result | None) -> None:
        """Note what code of the repository looked for; plugins and pytest look at much."""
        if not self._handlers or not isinstance(name, str | bytes | os.PathLike):
            return
        with suppress(OSError, ValueError):  # whoever looks will hear of them
            path = self._file(name, is_opened=False)
            self._note_place(path, found)

    def _note_place(self, path: str | None, found: os.stat_result | None) -> None:
        if path is None or path in self._written:
            return
        is_whole = found is not None and not stat.S_ISDIR(found.st_mode)
        self._note("file" if is_whole else "place", path, is_ours=True)

    def _look_at_link(self, name: Any, found: os.stat_result | None) -> None:
        """Note all but folders: resolving a path looks at each one above it."""
        if found is None or not stat.S_ISDIR(found.st_mode):
            self._look(name, found)

    def _look_at_mode(self, name: Any) -> None:
        found = None
        with suppress(OSError, ValueError, TypeError):
            found = os.lstat.__wrapped__(name)  # type: ignore[attr-defined]
        self._look(name, found)

    def _look_at_target(self, name: Any) -> None:
        if self._handlers:
            path = self._file(name, is_opened=False)
            if path is not None and path not in self._written:
                self._note("file", path, is_ours=True)

    def _variable(self, name: str) -> None:
        if self._handlers and not (
            name in _VARIABLES_OF_SHELLS or name.startswith(_VARIABLES_OF_RUNS)
        ):
            self._note("variable", name)

    def _asked(self, name: str, package: str | None) -> None:
        try:
            full = importlib.util.resolve_name(name, package) if name.startswith(".") else name
        except (ImportError, TypeError, ValueError):
            return  # which importing it will say
        if self._handlers and full.partition(".")[0] not in sys.stdlib_module_names:
            self._note("module", full, innermost=True)

    def _list(self, arguments: tuple[Any, ...]) -> None:
        if sys._getframe(2).f_code.co_filename == _IMPORTING:
            return
        path = self._file("." if arguments[0] is None else arguments[0])
        if path is not None:
            self._note("folder", path)

    def _import(self, arguments: tuple[Any, ...]) -> None:
        name = arguments[0]
        if name.partition(".")[0] not in sys.stdlib_module_names:
            self._note("module", name, innermost=True)

    def _process(self, arguments: tuple[Any, ...]) -> None:
        command = arguments[1] if len(arguments) > 1 else ()
        words = [command] if isinstance(command, str | bytes) else list(command or ())
        program = os.fsdecode(words[0]) if words else ""
        is_asked = list(map(os.fsdecode, words[1:])) == ["--version"]
        if (is_asked or os.path.basename(program) in HARMLESS) and _is_of_the_system(program):
            return
        self._note("escape", "started a process")

    def _connect(self, arguments: tuple[Any, ...]) -> None:
        name = arguments[0]
        if isinstance(name, str) and name.startswith("file:"):
            name = unquote(urlsplit(name).path)
        if isinstance(name, str | bytes | os.PathLike) and os.fspath(name) not in ("", ":memory:"):
            path = self._file(name)
            if path is not None and path not in self._written:
                self._note("file", path)

    def _library(self, arguments: tuple[Any, ...]) -> None:
        if isinstance(arguments[0], str) and os.sep in arguments[0]:
            path = self._file(arguments[0])
            if path is not None:
                self._note("file", path)

    def _escape(self, event: str) -> Callable[[tuple[Any, ...]], None]:
        reason = ESCAPES[event]
        return lambda _: self._note("escape", reason)

    def _has_left_a_process(self) -> bool:
        """Say whether a process runs that a test started; none can, unless one was heard of."""
        if self._has_escaped:
            before = self._own_children or set()
            self._has_escaped = bool(_children() - before)
        return self._has_escaped

    # -- notes ----------------------------------------------------------------------------

    def _note(
        self, kind: str, what: str, *, innermost: bool = False, is_ours: bool = False
    ) -> None:
        """Note something, for the test file and for the files on the stack.

        :param innermost: For the file alone that did it.
        :param is_ours: Not where no file of the repository is on the stack.
        """
        self._has_escaped = self._has_escaped or kind == "escape"
        frame: FrameType | None = sys._getframe(2)
        sources: list[str] = []
        while frame is not None:
            source = self._source(frame.f_code.co_filename)
            if source is not None:
                if not sources:
                    mark = (kind, what, source, self._window)
                    if mark in self._seen:
                        return
                    self._seen.add(mark)
                sources.append(source)
                if innermost:
                    break
            frame = frame.f_back
        if sources:
            for source in sources:
                self._add(source, kind, what)
            if self._window is not None and not innermost:
                self._add(self._window, kind, what)
        elif kind in ("file", "escape", "code") and not is_ours:
            self._note_of_others(kind, what)

    def _note_of_others(self, kind: str, what: str) -> None:
        """Note what pytest or a plugin did, which may hand it to any later test.

        What plugins start before any test is their own matter: their versions are in the key.
        """
        if self._window is not None:
            self._add(self._window, kind, what)
        elif kind == "escape":
            return
        if not what.endswith(".py") and not os.path.basename(what).startswith(".coverage"):
            self._add(ANY, kind, what)

    def _add(self, source: str, kind: str, what: str) -> None:
        self._notes[source, kind, what] = None

    def _note_modules(self, *, is_last: bool = False) -> None:
        """Note where the modules that are new lie; looked for where the last one is another.

        New ones come last. What took the place of one that was there is seen at the end.
        """
        state = (len(sys.modules), next(reversed(sys.modules)))
        if state == self._modules and not is_last:
            return
        self._modules = state
        for name, module in reversed(list(sys.modules.items())):
            file = getattr(module, "__dict__", {}).get("__file__")
            if file != self._files.get(name, self):
                self._files[name] = file
                path = self._file(file) if isinstance(file, str) else None
                if path is not None:
                    self._loaded[name, path] = None
            elif not is_last:
                return

    # -- places ---------------------------------------------------------------------------

    def place_of(self, path: str) -> str | None:
        """Return a path from the repository's top; ``None`` for one outside of it."""
        for top in self._tops:
            if path.startswith(top):
                return path[len(top) :].replace(os.sep, "/")
        return None

    def _source(self, filename: str) -> str | None:
        """Return the file of the repository that code is from, if it is."""
        try:
            return self._places[filename]
        except KeyError:
            place = self.place_of(filename)
            if place is not None and (
                filename.startswith(self._environment)
                or "site-packages" in place
                or filename in _OWN
            ):
                place = None
            self._places[filename] = place
            return place

    def _file(self, name: Any, *, is_opened: bool = True) -> str | None:
        """Return a path to note: from the top, or absolute; ``None`` for what does not count."""
        if isinstance(name, int):
            return None
        path = os.path.abspath(os.fsdecode(name))
        place = self.place_of(path)
        if place is None:
            is_top = path + os.sep in self._tops
            if is_top:
                return ""
            inner = path.startswith((*self._environment, *self._passing))
            return None if inner or path.endswith(".pyc") else path
        parts = place.split("/")
        if path.startswith(self._environment) or "site-packages" in parts:
            return None
        if parts[0] == ".git":
            if not is_opened:
                return None  # whether there is one says where the top is
            self._note("escape", "read the repository's git directory")
            return None
        return None if path.endswith(".pyc") or not CACHES.isdisjoint(parts) else place


def _is_code(name: Any) -> bool:
    return isinstance(name, str) and name.endswith((".py", ".pyc"))


def _is_of_the_system(program: str) -> bool:
    """Say whether a program is none that the tests may be about."""
    place = os.path.abspath(program) if os.sep in program else shutil.which(program)
    return place is not None and place.startswith(_SYSTEM)


def _directories(paths: Iterable[str], tops: tuple[str, ...]) -> tuple[str, ...]:
    """Return directories as beginnings of paths, as given and with links resolved."""
    both = {form + os.sep for path in paths for form in (path, os.path.realpath(path))}
    return tuple(sorted(form for form in both if form not in tops))


def _children() -> set[str]:
    """Return the processes that this one has started and that nobody has waited for."""
    found: set[str] = set()
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                found.update(file.read().split())
        except OSError:
            continue  # the thread has ended
    return found


def read(observed: str) -> Mapping[str, Any]:
    """Return notes that were sent."""
    notes: Mapping[str, Any] = json.loads(observed)
    return notes
