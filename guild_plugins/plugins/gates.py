"""The gates of other packages, for ``guild check``.

They are loaded from where this Python's packages are installed, never from the
clone that is judged. Guild's own gate is not among them: it has judged already,
and needs none of what is imported here.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from guild_plugins.errors import GuildError
from guild_plugins.git.copies import write_copy
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import object_id
from guild_plugins.graph.boundaries.gate import Opinion, Subject
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.plugins.disabling import disabled_names
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.calls import Answer, Calls
from guild_plugins.stages.hookspecs import PROJECT, guild_check
from guild_plugins.stages.installed import find_installed
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import GateRequest
from guild_plugins.stages.places import trusted_places

DEADLINE: Final = 300.0
"""Seconds that one gate has for one scope."""


class Gates:
    """The gates of other packages, as `Gate.judge` asks them.

    :param environ: ``GUILD_DISABLE_PLUGINS`` names those to do without.
    """

    def __init__(self, repository: Repository, environ: Mapping[str, str]) -> None:
        self._repository = repository
        installed = find_installed(PROJECT, trusted_places(repository.top))
        self._plugins = Plugins({}, installed, disabled_names(environ))

    def __call__(
        self, book: RuleBook, subject: Subject, scopes: Collection[ScopeId] = ()
    ) -> Opinion:
        """Ask all gates about each scope that has something to be judged.

        :param scopes: Only these.
        """
        # What could not be loaded may be a gate. Faults in other hooks are no matter here.
        faults: list[GuildError] = [fault for fault in self._plugins.faults if not fault.hook]
        violations: list[Violation] = []
        calls = self._plugins.within(DEADLINE)
        if self._plugins.implementations(guild_check.__name__):
            with self._directory(subject) as directory:
                for request in self._requests(book, subject, directory, scopes):
                    _ask(calls, request, violations, faults)
        return Opinion(tuple(violations), tuple(dict.fromkeys(faults)))

    @contextlib.contextmanager
    def _directory(self, subject: Subject) -> Iterator[str]:
        """Return where the files lie that are judged: the work tree, or a copy."""
        if subject.is_work_tree:
            yield str(self._repository.top)
            return
        with tempfile.TemporaryDirectory(prefix="guild-") as folder:
            write_copy(subject.tree, folder)
            yield folder

    def _requests(
        self, book: RuleBook, subject: Subject, directory: str, scopes: Collection[ScopeId]
    ) -> Iterator[GateRequest]:
        base = None if subject.is_whole else object_id(self._repository, subject.base)
        by_scope: dict[ScopeId, list[str]] = {}
        for path in _paths(subject):
            by_scope.setdefault(book.owner_of(path), []).append(path)
        for name in sorted(by_scope.keys() & set(scopes) if scopes else by_scope):
            yield GateRequest(
                scope=book.scope(name),
                scopes=book.scopes,
                directory=directory,
                base=base,
                changed=tuple(by_scope[name]),
            )


def _ask(
    calls: Calls, request: GateRequest, violations: list[Violation], faults: list[GuildError]
) -> None:
    # What a gate prints must not end up in the middle of our data.
    with contextlib.redirect_stdout(sys.stderr):
        for outcome in calls.each(guild_check, request=request):
            if isinstance(outcome, Answer):
                violations += outcome.value
            else:
                faults.append(outcome)


def _paths(subject: Subject) -> list[str]:
    if not subject.is_whole:
        return [change.path for change in subject.changes]
    return sorted(path for path, entry in subject.tree.entries.items() if entry.is_file)
