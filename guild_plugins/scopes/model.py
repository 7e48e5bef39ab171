"""What a scope is.

Pure values in plain dataclasses: the pytest plugin imports this on every run.
Parsing and validating configuration is `schema`'s work, finding scopes `discovery`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

ScopeId: TypeAlias = str
"""A scope's name: unique, and usable as one segment of a git branch."""

ROOT: ScopeId = "root"
"""The implicit scope of every path that no scope claims; never among a project's scopes."""


@dataclass(frozen=True, slots=True)
class PytestSettings:
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a scope is as it is: one line of it, and what speaks for that line."""

    claim: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
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
    owners: tuple[str, ...] = ()
    pytest: PytestSettings = PytestSettings()
    evidence: tuple[Evidence, ...] = ()

    @property
    def needs(self) -> tuple[ScopeId, ...]:
        """The declared dependencies; none where nothing was declared."""
        return self.depends_on or ()
