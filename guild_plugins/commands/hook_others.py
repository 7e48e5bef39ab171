"""The hooks that run seldom, and may take longer: around a checkout, a commit and a push."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from guild_plugins.commands.rules import rules_of
from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.trust import NotTrusted, is_trusted
from guild_plugins.delivery.branching import interrupted_branch, make_branch
from guild_plugins.delivery.names import scope_of_branch
from guild_plugins.delivery.pushing import (
    Update,
    base_of,
    outgoing,
    strange_commits,
    updates_in,
)
from guild_plugins.delivery.staged import staged_project
from guild_plugins.errors import Exit
from guild_plugins.git.index import Index, staged_paths
from guild_plugins.git.pending import InProgress, refuse_in_progress
from guild_plugins.git.process import user_environment
from guild_plugins.git.refs import Head, read_head
from guild_plugins.git.repository import Repository
from guild_plugins.graph.affected import find_affected
from guild_plugins.graph.boundaries.gate import Gate
from guild_plugins.report.text import printable
from guild_plugins.report.violations import render_text
from guild_plugins.scopes.config import find_source, read_configuration
from guild_plugins.scopes.model import HookSettings
from guild_plugins.scopes.tree import DiskTree
from guild_plugins.stages.events import CommitMade, fresh_id

OwnersIn = Callable[[Repository, Index, str | None, Sequence[str]], Callable[[str], str]]

TO: Final = "git switch guild/TASK/SCOPE, or guild start TASK SCOPE"


def run(repository: Repository, name: str, arguments: Sequence[str]) -> int:
    """Run one hook; the exit code is its answer."""
    hooks: dict[str, Callable[[Repository, Sequence[str]], int]] = {
        "branch": _branch,
        "post-checkout": _after_checkout,
        "post-commit": _after_commit,
        "pre-push": _before_push,
        "affected-tests": _affected_tests,
    }
    return hooks[name](repository, arguments)


def off_branch(repository: Repository, owners_in: OwnersIn | None) -> list[str]:
    """Say what is checked out instead of a scope's branch, where the project wants one.

    :param owners_in: Tells the owners of what is staged; ``None`` where no branch is made.
    """
    wanted = settings_of(repository).branch
    if wanted not in ("require", "create"):
        return []
    return _not_on_a_scopes_branch(repository, owners_in if wanted == "create" else None)


def _not_on_a_scopes_branch(repository: Repository, owners_in: OwnersIn | None) -> list[str]:
    head = read_head(repository.top)
    branch = head.branch or interrupted_branch(repository.git_dir)
    if scope_of_branch(branch) is not None:
        return []
    if owners_in is not None and head.branch is not None:
        made = make_branch(repository, head, _scopes_staged(repository, head, owners_in))
        if made is not None:
            return [made]
    name = (branch or "a detached HEAD").removeprefix("refs/heads/")
    return [f"{name} is no scope's branch; {TO}"]


def _scopes_staged(repository: Repository, head: Head, owners_in: OwnersIn) -> set[str]:
    """Return the scopes of what is staged; none in the middle of a merge and the like."""
    try:
        refuse_in_progress(repository.git_dir)
    except InProgress:
        return set()
    file = Path.cwd() / os.environ.get("GIT_INDEX_FILE", str(repository.git_dir / "index"))
    index = Index(repository.top, file)
    staged = staged_paths(index, head.commit)
    owner_of = owners_in(repository, index, head.commit, staged)
    return {owner_of(path) for path in staged}


def _branch(repository: Repository, _: Sequence[str]) -> int:
    creates = settings_of(repository).branch == "create"
    findings = _not_on_a_scopes_branch(repository, _owners if creates else None)
    for finding in findings:
        print(printable(f"guild: {finding}"), file=sys.stderr)
    return Exit.NO if findings else Exit.DONE


def _owners(
    _: Repository, index: Index, __: str | None, ___: Sequence[str]
) -> Callable[[str], str]:
    return staged_project(index).owner_of


def _after_checkout(repository: Repository, arguments: Sequence[str]) -> int:
    """Say how scope branches are begun, where the project wants that said."""
    is_branch = arguments[2:3] == ["1"]
    if is_branch and settings_of(repository).branch != "off":
        branch = read_head(repository.top).branch
        if branch is not None and scope_of_branch(branch) is None:
            print(f"guild: commits belong on a scope's branch here: {TO}", file=sys.stderr)
    return Exit.DONE


def _after_commit(repository: Repository, _: Sequence[str]) -> int:
    """Note the commit; where there is no journal yet, nobody waits for it."""
    place = place_in(repository.common_dir)
    if not place.database.exists():
        return Exit.DONE
    head = read_head(repository.top)
    Journal(place).append(
        CommitMade(
            id=fresh_id(),
            at=here.now().wall,
            scope=scope_of_branch(head.branch),
            branch=head.branch,
            commit=head.commit or "",
            git_dir=str(repository.git_dir),
        ),
        durable=False,
    )
    return Exit.DONE


def _before_push(repository: Repository, arguments: Sequence[str]) -> int:
    remote = arguments[0] if arguments else os.environ.get("PRE_COMMIT_REMOTE_NAME", "origin")
    updates = _updates()
    codes = [_judge(repository, update, remote) for update in updates]
    bases = [base_of(repository, update, remote) for update in updates]
    if any(codes):
        print("guild: nothing is pushed", file=sys.stderr)
        return Exit.NO
    if not bases or not settings_of(repository).tests:
        return Exit.DONE
    return max(_test(repository, base) for base in set(bases))


def _updates() -> list[Update]:
    """Return what is about to be pushed, as git says or as pre-commit does."""
    ref = os.environ.get("PRE_COMMIT_TO_REF")
    if ref is None:
        return list(updates_in(sys.stdin.read()))
    local = os.environ.get("PRE_COMMIT_LOCAL_BRANCH", "")
    there = os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")
    old = os.environ.get("PRE_COMMIT_FROM_REF", "")
    return list(updates_in(f"{local} {ref} {there} {old or '0'}"))


def _judge(repository: Repository, update: Update, remote: str) -> int:
    commits = outgoing(repository, update, remote)
    if not commits:
        return Exit.DONE
    with tempfile.TemporaryDirectory(prefix="guild-push-") as folder:
        found = list(
            strange_commits(
                repository,
                update,
                commits,
                lambda index: staged_project(index).owner_of,
                Path(folder) / "index",
            )
        )
    for finding in found:
        print(f"guild: {printable(finding)}", file=sys.stderr)
    if found:
        return Exit.NO
    return _judge_rules(repository, update, base_of(repository, update, remote))


def _judge_rules(repository: Repository, update: Update, base: str | None) -> int:
    gate = Gate(repository, rules_of(repository))
    subject = gate.between(f"{base}..{update.new}") if base else gate.revision(update.new)
    verdict = gate.judge(subject)
    if verdict.is_clean:
        return Exit.DONE
    print(render_text(verdict), file=sys.stderr)
    return Exit.NO


def _affected_tests(repository: Repository, _: Sequence[str]) -> int:
    if not settings_of(repository).tests:
        print(
            'guild: no command runs tests: [tool.guild.hooks] tests = ["pytest"]', file=sys.stderr
        )
        return Exit.USAGE
    return _test(repository, os.environ.get("PRE_COMMIT_FROM_REF") or "HEAD")


def _test(repository: Repository, base: str | None) -> int:
    """Run the test files that what differs from a commit can affect, as the work tree has them.

    :raises NotTrusted: Nobody said that this clone may run the command.
    """
    settings, source = settings_of(repository), find_source(DiskTree(repository.top, ()))
    if source is None or not is_trusted(repository.common_dir, source, os.environ):
        raise NotTrusted("hooks.tests", settings.tests)
    files: tuple[str, ...] = ()
    if base is not None:
        files = find_affected(repository, base, rules_of(repository))[0].tests
        if not files:
            return Exit.DONE
    command = [*settings.tests, *(f"./{file}" for file in files)]
    print(printable(f"guild: {shlex.join(command)}"), file=sys.stderr)
    done = subprocess.run(
        command, cwd=repository.top, env=user_environment(os.environ), check=False
    )
    return Exit.NO if done.returncode else Exit.DONE


def settings_of(repository: Repository) -> HookSettings:
    """Return what the hooks do beyond judging, as the work tree says."""
    configured = read_configuration(repository.top, DiskTree(repository.top, ()))
    return configured.hooks if configured else HookSettings()
