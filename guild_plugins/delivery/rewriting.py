"""Splitting a commit that is there: a chain in its place, and what stood on it once more.

The chain adds up to the commit's own tree, so every commit after it keeps its tree and
only gets other parents. All are written first; then the branch moves once. Neither the
index nor the work tree is touched: what ``HEAD`` holds is the same before and after.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.chain import Chain, Committed, write_chain
from guild_plugins.delivery.commit import GatesRefused, IndexConflicts
from guild_plugins.delivery.gates import Setting, claims_of, nobody_elses_lease
from guild_plugins.delivery.message import Messages
from guild_plugins.delivery.operation import Move, Operation, operation, publish
from guild_plugins.delivery.recovery import recover
from guild_plugins.delivery.split import Part, divide
from guild_plugins.delivery.staged import staged_project
from guild_plugins.delivery.standing import Standing
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.commits import Commit, commits_after, read_commit, references_with
from guild_plugins.git.index import Index, changes_between, empty_tree, index_of_tree
from guild_plugins.git.pending import refuse_in_progress
from guild_plugins.git.refs import Head, is_ancestor, read_head
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import UnknownRevision, object_id
from guild_plugins.git.writing import signing_options, write_commit
from guild_plugins.scopes.model import ScopeId


class NothingToSplit(GuildError):
    """All changes of a commit belong to one scope, or it has none."""

    slug = "nothing-to-split"

    def __init__(self, commit: str, scope: ScopeId | None) -> None:
        super().__init__(commit, scope)
        self.commit, self.scope = commit, scope

    def __str__(self) -> str:
        if self.scope is None:
            return f"Commit {self.commit[:10]} changes nothing."
        return f"All that commit {self.commit[:10]} changes belongs to {self.scope}."


class NotToBeSplit(GuildError):
    """A commit cannot be split, whatever its scopes."""

    slug = "not-to-be-split"
    exit = Exit.UNSUPPORTED

    def __init__(self, commit: str, reason: str) -> None:
        super().__init__(commit, reason)
        self.commit, self.reason = commit, reason

    def __str__(self) -> str:
        return f"Commit {self.commit[:10]} {self.reason}; nothing was changed."


class CommitPublished(GuildError):
    """A remote has the commit: whoever fetched it would see it twice."""

    slug = "commit-published"
    remedy = "Say --force if nobody has built on it; the branch must then be pushed by force."

    def __init__(self, commit: str, references: tuple[str, ...]) -> None:
        super().__init__(commit, references)
        self.commit, self.references = commit, references

    def __str__(self) -> str:
        where = ", ".join(name.removeprefix("refs/remotes/") for name in self.references[:5])
        return f"Commit {self.commit[:10]} was pushed: {where} has it."


class SplitRefused(GatesRefused):
    """At least one scope's share may not be committed, so the commit stays as it is."""

    slug = "split-refused"
    remedy = (
        "For a lease, wait until it is given back. Where the rules between scopes are broken at a\n"
        "  commit of the chain, --no-verify splits all the same."
    )


@dataclass(frozen=True, slots=True)
class Request:
    """How to split.

    :param own: Messages of single scopes, in the place of the commit's own.
    :param is_forced: Whether a commit may be split that a remote has.
    :param verify: Ask the commit-msg hook, and the rules between scopes.
    :param signing: A key, or whether to sign; ``None`` for as it was, or is configured.
    """

    revision: str
    own: Mapping[ScopeId, str] = field(default_factory=dict)
    is_forced: bool = False
    verify: bool = True
    signing: str | bool | None = None


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What stands in the place of a commit.

    :param replayed: How many commits stood on it, and were written again.
    :param elsewhere: Branches and tags that still have the commit as it was.
    """

    reference: str
    commit: str
    commits: tuple[Committed, ...]
    replayed: int
    elsewhere: tuple[str, ...]


def split_commit(repository: Repository, request: Request) -> SplitReport:
    """Put a chain of commits, one for each scope, in the place of one commit.

    :raises UnknownRevision: There is no such commit.
    :raises NothingToSplit: It has one scope's changes, or none.
    :raises NotToBeSplit: It is a merge, or not on the branch.
    :raises CommitPublished: A remote has it.
    :raises SplitRefused: A share may not be committed.
    :raises InProgress: Git is in the middle of something.
    :raises RefMoved: Somebody else committed meanwhile.
    """
    leases = Leases(Journal(place_in(repository.common_dir)))
    leases.tend()
    recover(repository, leases.journal)
    refuse_in_progress(repository.git_dir)
    conflicts = Index(repository.top, repository.git_dir / "index").conflicts()
    if conflicts:
        raise IndexConflicts(tuple(conflicts))
    head = read_head(repository.top)
    commit = _commit(repository, head, request)
    with operation(leases) as work:
        return _split(repository, leases, work, head, commit, request)


def _commit(repository: Repository, head: Head, request: Request) -> Commit:
    """Return the commit that is meant, if it can be split."""
    top, name = repository.top, f"{request.revision}^{{commit}}"
    oid = object_id(repository, name)
    if oid is None:
        raise UnknownRevision(request.revision)
    if head.commit is None or not is_ancestor(top, oid, head.commit):
        raise NotToBeSplit(oid, f"is not on {head.reference}")
    commit = read_commit(top, oid)
    if len(commit.parents) > 1:
        raise NotToBeSplit(oid, "is a merge")
    remotes = references_with(top, oid, "refs/remotes")
    if remotes and not request.is_forced:
        raise CommitPublished(oid, tuple(remotes))
    return commit


def _split(
    repository: Repository,
    leases: Leases,
    work: Operation,
    head: Head,
    commit: Commit,
    request: Request,
) -> SplitReport:
    top = repository.top
    parts = _parts(repository, work, commit)
    holder = for_command(name_here(top, os.environ), os.environ)
    base = commit.parents[0] if commit.parents else None
    _judge(parts, Setting(head.branch, holder, leases.facts()))
    if request.verify:
        _, refused = Standing(repository, work.folder, base).judge(parts)
        if refused:
            raise SplitRefused(refused)
    wanted = _signing(request, commit)
    message = os.fsdecode(commit.message)
    chain = Chain(
        messages=Messages(message, request.own, source=("commit", commit.id), replace=True),
        verify=request.verify,
        signing=signing_options(top, wanted),
        who=commit.author,
        encoding=commit.encoding,
    )
    commits = write_chain(top, work.folder, base, parts, chain, commit.tree)
    after = commits_after(top, commit.id, head.commit or commit.id)
    tip = _replay(top, after, {commit.id: commits[-1].commit}, request)
    elsewhere = references_with(top, commit.id, "refs/heads", "refs/tags")
    text = f"guild split: {commit.subject}"
    publish(
        repository,
        leases,
        work,
        Move("split", head.reference, head.commit, tip, text),
        holder=holder,
        claims=[claim for part in parts for claim in claims_of(part)],
        shown=shown_leases(os.environ),
    )
    others = tuple(name for name in elsewhere if name != head.branch)
    return SplitReport(head.reference, commit.id, tuple(commits), len(after), others)


def _parts(repository: Repository, work: Operation, commit: Commit) -> list[Part]:
    """Divide what a commit changes, by the scopes of its own tree."""
    top = repository.top
    base = commit.parents[0] if commit.parents else empty_tree(top)
    if object_id(repository, f"{base}^{{tree}}") is None:
        raise NotToBeSplit(commit.id, "has a parent that is not in this clone")
    changes = changes_between(top, base, commit.tree)
    project = staged_project(index_of_tree(top, commit.tree, work.folder / "tree"))
    parts = divide(changes, project.owner_of, {s.id: s.needs for s in project.scopes})
    if len(parts) < 2:
        raise NothingToSplit(commit.id, parts[0].scope if parts else None)
    return parts


def _judge(parts: Sequence[Part], setting: Setting) -> None:
    """Refuse where somebody else has a lease. Whose branch it is does not matter.

    The changes are on it already; to be taken elsewhere, they have to be apart.
    """
    found = [(part.scope, tuple(nobody_elses_lease(part, setting))) for part in parts]
    refused = tuple((scope, texts) for scope, texts in found if texts)
    if refused:
        raise SplitRefused(refused)


def _replay(top: Path, commits: Sequence[str], new: dict[str, str], request: Request) -> str:
    """Write commits once more, with the same trees and authors, and return the last one.

    :param new: What stands in the place of a commit.
    """
    tip = next(iter(new.values()))
    for oid in commits:
        commit = read_commit(top, oid)
        tip = new[oid] = write_commit(
            top,
            commit.tree,
            [new.get(parent, parent) for parent in commit.parents],
            commit.message,
            signing=signing_options(top, _signing(request, commit)),
            who=commit.author,
            encoding=commit.encoding,
        )
    return tip


def _signing(request: Request, commit: Commit) -> str | bool | None:
    """Say whether to sign a commit: as asked, else as it was, else as configured."""
    if request.signing is not None:
        return request.signing
    return True if commit.is_signed else None
