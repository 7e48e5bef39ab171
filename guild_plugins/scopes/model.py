"""What a scope is.

Pure values. The pytest plugin and git hooks import this on every run: named tuples,
since the standard library's dataclasses take 25 ms to be there.
Parsing and validating configuration is `schema`'s work, finding scopes `discovery`'s.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

ScopeId: TypeAlias = str
"""A scope's name: unique, and usable as one segment of a git branch."""

ROOT: ScopeId = "root"
"""The implicit scope of every path that no scope claims; never among a project's scopes."""


class PytestSettings(NamedTuple):
    """How a scope's tests are run. What is ``None`` or empty follows the whole project's session.

    Paths are relative to the project's root, with ``/``.
    """

    rootdir: str | None = None
    """The directory whose configuration and ``conftest.py`` rule: a session of its own."""
    inifile: str | None = None
    python: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    """Seconds for the scope's whole suite."""
    exclusive: bool = False
    """Nothing else runs while this suite does."""
    args: tuple[str, ...] = ()

    @property
    def is_apart(self) -> bool:
        """Say whether the suite needs a session of its own."""
        return self != PytestSettings(timeout=self.timeout, exclusive=self.exclusive)


class Rules(NamedTuple):
    """Rules between scopes, and how imports are read for them."""

    layers: tuple[tuple[ScopeId, ...], ...] = ()
    """Each may import the scopes below it (later ones), and those beside it."""
    independent: tuple[tuple[ScopeId, ...], ...] = ()
    """Groups of scopes that may not reach one another."""
    acyclic: bool = False
    """Scopes may not import each other in a circle."""
    ignore_type_checking: bool = False
    """Imports under ``if TYPE_CHECKING`` are free."""
    source_roots: tuple[str, ...] | None = None
    """Folders that packages lie in; ``None`` where they are to be found."""
    variables: tuple[str, ...] = ()
    """Environment variables that tests depend on."""


class WorkSettings(NamedTuple):
    """What each work place of the project gets."""

    folder: str | None = None
    """Where work places lie, relative to the repository; ``None`` for a folder beside it."""
    copy: tuple[str, ...] = ()
    """Files that git does not have, and that a work place begins with."""
    setup: tuple[str, ...] = ()
    """A command to run in a new work place; nothing runs without ``guild trust``."""
    ports: int = 10
    """How many ports each has to itself."""
    first_port: int = 20000


class HookSettings(NamedTuple):
    """What the git hooks do beyond judging."""

    branch: str = "off"
    """What happens off scope branches: ``off``, ``offer``, ``require`` or ``create``."""
    tests: tuple[str, ...] = ()
    """The command that runs affected test files before a push; needs ``guild trust``."""


class LandSettings(NamedTuple):
    """How branches are landed."""

    onto: str | None = None
    """The branch that they are landed on; ``None`` for what each was begun from."""
    tests: tuple[str, ...] = ()
    """The command that proves a tree; pytest without. Needs ``guild trust``."""


class Evidence(NamedTuple):
    """Why a scope is as it is: one line of it, and what speaks for that line."""

    claim: str
    reason: str


class Scope(NamedTuple):
    """A named slice of the project: paths, the tests that prove them, and what they may need.

    ``paths`` and ``tests`` are patterns as in ``.gitignore``, anchored at the
    project's root (see `globs`). ``depends_on`` and ``public`` are ``None`` where
    nothing was declared: no rule; an empty tuple is a rule, and says "nothing".
    """

    id: ScopeId
    paths: tuple[str, ...]
    tests: tuple[str, ...] = ()
    depends_on: tuple[ScopeId, ...] | None = None
    public: tuple[str, ...] | None = None
    forbids: tuple[ScopeId, ...] = ()
    """Scopes that may not be imported, nor reached through others."""
    deprecated: tuple[tuple[ScopeId, str], ...] = ()
    """Scopes still imported that shall not be from a date on, as YYYY-MM-DD."""
    internal: tuple[str, ...] = ()
    """Third-party packages that no other scope may import."""
    data: tuple[str, ...] = ()
    """Patterns of files elsewhere that its code or its tests read."""
    owners: tuple[str, ...] = ()
    pytest: PytestSettings = PytestSettings()
    fail_under: float | None = None
    """The least coverage of its code, in percent, that is no failure."""
    evidence: tuple[Evidence, ...] = ()

    @property
    def needs(self) -> tuple[ScopeId, ...]:
        """The declared dependencies; none where nothing was declared."""
        return self.depends_on or ()
