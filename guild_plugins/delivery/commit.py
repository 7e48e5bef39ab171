"""Committing by scope: a chain of commits, one for each, published with one move.

What is staged is read from a copy of the index, divided by scope, judged, and
written as commits, each on the one before. Then the branch moves, once, from where
it was; only that can be seen from outside. The user's index is not touched: what
was committed is what it holds, and what was not stays staged as it was. With
``everything`` it is replaced before the branch moves, so that a crash in between
leaves changes staged and nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.chain import Chain, Committed, write_chain
from guild_plugins.delivery.gates import GATES, Setting, claims_of
from guild_plugins.delivery.message import Messages
from guild_plugins.delivery.names import task_of_branch
from guild_plugins.delivery.operation import Move, Operation, operation, publish
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.split import Part, divide
from guild_plugins.delivery.staged import staged_project
from guild_plugins.delivery.standing import Refused, Standing
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.hooks import HookRefused, run_hook
from guild_plugins.git.index import (
    Index,
    changes_between,
    copy_index,
    empty_tree,
    index_of_tree,
    install_index,
)
from guild_plugins.git.lockfile import bytes_of
from guild_plugins.git.pending import refuse_in_progress
from guild_plugins.git.refs import Head, read_head
from guild_plugins.git.repository import Repository
from guild_plugins.git.writing import signing_options
from guild_plugins.scopes.model import ScopeId


class NothingStaged(GuildError):
    """There is nothing to commit."""

    slug = "nothing-staged"
    remedy = "Stage changes with git add, or say --all."

    def __str__(self) -> str:
        return "Nothing is staged."


class IndexConflicts(GuildError):
    """A merge left paths undecided."""

    slug = "index-conflicts"
    exit = Exit.UNSUPPORTED
    remedy = "Resolve them, and stage them with git add."

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(paths)
        self.paths = paths

    def __str__(self) -> str:
        return f"The index has conflicts in {', '.join(map(repr, self.paths[:5]))}."


class GatesRefused(GuildError):
    """At least one scope's share may not be committed, so none was."""

    slug = "gates-refused"
    remedy = (
        "Repair it, or unstage it; --partial commits the other scopes, --no-verify asks no rules."
    )

    def __init__(self, findings: tuple[tuple[ScopeId, tuple[str, ...]], ...]) -> None:
        super().__init__(findings)
        self.findings = findings

    def __str__(self) -> str:
        lines = (f"{scope}: {text}" for scope, texts in self.findings for text in texts)
        return "Nothing was committed.\n  " + "\n  ".join(lines)


STAGED: Final = "index"
"""The copy of the index, in the operation's folder."""

BEFORE: Final = "before"
"""The index as it was, beside it."""

SHOWN: Final = "shown"
"""An index of what passes, where the rest stays staged."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to commit.

    :param everything: Stage all changes of tracked files first.
    :param partial: Commit the scopes that pass, even if others do not.
    :param verify: Ask the pre-commit and commit-msg hooks, and the rules between scopes.
    :param signing: A key, or whether to sign; ``None`` for what is configured.
    :param who: ``GIT_AUTHOR_*``, where the author is somebody else.
    """

    messages: Messages = field(default_factory=Messages)
    everything: bool = False
    partial: bool = False
    verify: bool = True
    signing: str | bool | None = None
    who: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What was committed, in order, and what was not and why."""

    reference: str
    commits: tuple[Committed, ...]
    refused: Refused


def commit_scopes(repository: Repository, wish: Wish) -> Report:
    """Commit what is staged, one commit for each scope: all of it or nothing.

    :raises NothingStaged: There is nothing to commit.
    :raises GatesRefused: A share may not be committed.
    :raises InProgress: Git is in the middle of something.
    :raises IndexConflicts: A merge left paths undecided.
    :raises HookRefused: A hook said no.
    :raises RefMoved: Somebody else committed meanwhile.
    """
    leases = Leases(Journal(place_in(repository.common_dir)))
    leases.tend()
    recover(repository, leases.journal)
    refuse_in_progress(repository.git_dir)
    with operation(leases) as work:
        report = _commit(repository, leases, work, wish)
    with suppress(HookRefused):  # too late to refuse
        run_hook(repository.top, "post-commit")
    return report


def _commit(repository: Repository, leases: Leases, work: Operation, wish: Wish) -> Report:
    head = read_head(repository.top)
    before, index = _staged(repository, work, wish)
    setting = Setting(
        head.branch, for_command(name_here(repository.top, os.environ), os.environ), leases.facts()
    )
    tree, passing, refused = _shares(repository, work, wish, setting, head, index)
    chain = Chain(
        messages=replace(
            wish.messages,
            task=wish.messages.task or task_of_branch(head.branch),
            leases=tuple(shown_leases(os.environ)),
        ),
        verify=wish.verify,
        signing=signing_options(repository.top, wish.signing),
        who=wish.who,
    )
    commits = write_chain(repository.top, work.folder, head.commit, passing, chain, tree)
    if wish.everything:
        install_index(index, repository.git_dir, before)
    move = Move("commit", head.reference, head.commit, commits[-1].commit, _reflog(head, commits))
    try:
        publish(
            repository,
            leases,
            work,
            move,
            holder=setting.holder,
            claims=[claim for part in passing for claim in claims_of(part)],
            shown=shown_leases(os.environ),
        )
    except GuildError:
        if wish.everything:
            _take_back(repository, work)
        raise
    return Report(head.reference, tuple(commits), refused)


def _staged(repository: Repository, work: Operation, wish: Wish) -> tuple[bytes | None, Index]:
    """Return the index as it is, and the one to commit, after the pre-commit hook.

    Where only some of it may be committed, the hook is asked when that is known.
    """
    top, git_dir = repository.top, repository.git_dir
    target = work.folder / STAGED
    before = bytes_of(copy_index(top, git_dir, work.folder / BEFORE).file)
    if before is not None:
        shutil.copy2(work.folder / BEFORE, target)
    index = Index(top, target)
    conflicts = index.conflicts()
    if conflicts:
        raise IndexConflicts(tuple(conflicts))
    if wish.everything:
        index.stage_all()
    if wish.verify and not wish.partial:
        # Git gives the hook the index that will be committed, and takes what it makes of it.
        run_hook(top, "pre-commit", index=target if wish.everything else git_dir / "index")
        if not wish.everything:
            index = copy_index(top, git_dir, target)
    return before, index


def _shares(
    repository: Repository, work: Operation, wish: Wish, setting: Setting, head: Head, index: Index
) -> tuple[str, list[Part], Refused]:
    """Return what passes, as a tree and by scope, and what is wrong with the rest."""
    standing = Standing(repository, work.folder, head.commit)
    tree = index.write_tree()
    passing, refused = _judge(_parts(repository, head, index, tree), setting, wish, standing)
    if not wish.partial:
        return tree, passing, refused
    # As with git's own partial commits, the hook sees what will be committed and nothing
    # else, and what it makes of that is committed.
    shown = index_of_tree(repository.top, head.commit, work.folder / SHOWN)
    shown.apply([change for part in passing for change in part.changes])
    tree = shown.write_tree()
    if wish.verify:
        run_hook(repository.top, "pre-commit", index=shown.file)
        made = shown.write_tree()
        if made != tree:
            parts, whole = _parts(repository, head, shown, made), replace(wish, partial=False)
            tree, (passing, _) = made, _judge(parts, setting, whole, standing)
    return tree, passing, refused


def _parts(repository: Repository, head: Head, index: Index, tree: str) -> list[Part]:
    base = head.commit or empty_tree(repository.top)
    changes = changes_between(repository.top, base, tree)
    if not changes:
        raise NothingStaged
    project = staged_project(index)
    needs = {scope.id: scope.needs for scope in project.scopes}
    return divide(changes, project.owner_of, needs)


def _judge(
    parts: Sequence[Part], setting: Setting, wish: Wish, standing: Standing
) -> tuple[list[Part], Refused]:
    """Return the shares that pass every gate, and what is wrong with the others."""
    found = [
        (part, tuple(text for gate in GATES for text in gate(part, setting))) for part in parts
    ]
    refused = tuple((part.scope, texts) for part, texts in found if texts)
    passing = [part for part, texts in found if not texts]
    if wish.verify and (wish.partial or not refused):
        passing, more = standing.judge(passing, partial=wish.partial)
        refused += more
    if refused and not (wish.partial and passing):
        raise GatesRefused(refused)
    return passing, refused


def _reflog(head: Head, commits: Sequence[Committed]) -> str:
    kind = "commit (initial)" if head.commit is None else "commit"
    return f"{kind}: {commits[-1].subject}"


def _take_back(repository: Repository, work: Operation) -> None:
    """Put the index back that `install_index` replaced, unless it was changed since."""
    installed = bytes_of(work.folder / STAGED)
    with suppress(GuildError, FileNotFoundError):  # there was none: all stays staged
        old = Index(repository.top, work.folder / BEFORE)
        install_index(old, repository.git_dir, installed)
