"""``guild hook``: what git's hooks call, and what pre-commit's do."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.hook import Means, OwnerOf, before_commit
from guild_plugins.errors import Exit
from guild_plugins.git.index import Index
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.report.text import printable

COMMIT: Final = ("pre-commit", "pre-merge-commit", "ownership", "locks")
MESSAGE: Final = ("prepare-commit-msg", "commit-msg")
OTHERS: Final = ("branch", "post-checkout", "post-commit", "pre-push", "affected-tests")


def run(directory: Path, args: argparse.Namespace) -> int:
    """Judge what git is about to do, from within a hook

    pre-commit, pre-merge-commit: is anything staged that somebody else has a lease on,
    does this work under a lease that is over, and, on a branch guild/TASK/SCOPE, is
    all of it the scope's own? "ownership" and "locks" ask one of both.
    prepare-commit-msg, commit-msg: on such a branch, the message gets the trailers
    Scope and Task.
    branch: are commits made on such a branch? pre-commit asks that as well where
    hooks.branch is "require" or "create"; with "create", the branch for what is staged
    is made, and the answer says how to go there.
    post-checkout, post-commit: say what may follow; note the commit in the journal.
    pre-push: are the outgoing commits the scope's own, do they keep the rules
    between scopes, and do the tests pass that they can affect (hooks.tests, once
    guild trust was given)? "affected-tests" asks the last alone.

    Exit code 1 is a no. guild install has git call these.
    """
    repository = open_repository(directory)
    if args.name in COMMIT:
        findings = before_commit(repository, os.environ, Path.cwd(), _means(repository, args.name))
        code = _told(args.name, [*findings, *_off_branch(repository, args.name)])
        return _rules(repository) if args.rules and code == Exit.DONE else code
    if args.name in MESSAGE:
        from guild_plugins.delivery.trailers import add_trailers

        for file in args.arguments[:1]:
            add_trailers(repository, Path.cwd() / file)
        return Exit.DONE
    if _needs_nothing(repository, args.name):
        return Exit.DONE
    from guild_plugins.commands import hook_others

    return hook_others.run(repository, args.name, args.arguments)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("name", choices=[*COMMIT, *MESSAGE, *OTHERS], metavar="NAME")
    parser.add_argument(
        "--rules", action="store_true", help="before a commit: guild check --staged as well"
    )
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="what git gives the hook")


def _told(name: str, findings: Iterable[str]) -> int:
    found = list(findings)
    for finding in found:
        print(f"guild: {printable(finding)}", file=sys.stderr)
    if found:
        print(f"guild: the {name} hook says no; guild locks shows all leases", file=sys.stderr)
    return Exit.NO if found else Exit.DONE


def _rules(repository: Repository) -> int:
    from guild_plugins.commands.check import judge_staged

    return judge_staged(repository)


def _off_branch(repository: Repository, name: str) -> list[str]:
    """Say that commits need a scope's branch, where the project says so."""
    if name not in ("pre-commit", "pre-merge-commit"):
        return []
    if not any(_says(repository, word) for word in (b"require", b"create")):
        return []
    from guild_plugins.commands.hook_others import off_branch

    return off_branch(repository, _owners_in if name == "pre-commit" else None)


def _says(repository: Repository, word: bytes) -> bool:
    """Say whether a word is in the configuration, reading which takes longer than a hook."""
    files = (repository.top / file for file in ("guild.toml", "pyproject.toml"))
    return any(word in file.read_bytes() for file in files if file.is_file())


def _needs_nothing(repository: Repository, name: str) -> bool:
    """Say whether a hook that runs after something would do nothing."""
    if name == "post-commit":
        return not place_in(repository.common_dir).database.exists()
    return name == "post-checkout" and not _says(repository, b"branch")


def _means(repository: Repository, name: str) -> Means:
    return Means(
        partial(_owners_in, repository) if name != "locks" else None,
        _judge_leases if name != "ownership" else None,
    )


def _owners_in(
    repository: Repository, index: Index, head: str | None, staged: Sequence[str]
) -> OwnerOf:
    from guild_plugins.git.index import entries_of
    from guild_plugins.scopes.kept import SOURCES, Found, kept_owner_of

    def read() -> Found:
        from guild_plugins.delivery.staged import staged_project

        project = staged_project(index)
        return Found(project.scopes, project.origin == "configured")

    sources = entries_of(index, head, staged, SOURCES)
    return kept_owner_of(place_in(repository.common_dir).folder, sources, read)


def _judge_leases(repository: Repository, branch: str | None, paths: Sequence[str]) -> list[str]:
    from guild_plugins.delivery.leased import judge_leases

    return judge_leases(repository, branch, paths, os.environ)
