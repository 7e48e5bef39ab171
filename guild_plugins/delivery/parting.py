"""Where each two of many branches parted, asked of git all at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository

Pairs = dict[frozenset[str], tuple[str, ...]]


def find_bases(repository: Repository, tips: Iterable[str]) -> Pairs:
    """Return the best common ancestors of each two commits, as ``git merge-base --all`` does.

    Only the commits since all of them parted are looked at: what lies before is an
    ancestor of where they did, and no better.
    """
    commits = sorted(set(tips))
    same: Pairs = {frozenset((commit,)): (commit,) for commit in commits}
    if len(commits) < 2:
        return same
    ask = ["merge-base", "--octopus", "--all", "--end-of-options", *commits]
    roots = run_git(ask, repository.top, accept=(0, 1)).decode().split()
    if not roots:
        return same | {frozenset(two): _of_two(repository, *two) for two in _twos(commits)}
    asked = "".join(f"{line}\n" for line in (*commits, *(f"^{root}" for root in roots)))
    output = run_git(["rev-list", "--parents", "--stdin"], repository.top, input=asked.encode())
    words = (line.split() for line in output.decode().splitlines())
    parents = {first: rest for first, *rest in words}
    above = {commit: _reached(commit, parents).union(roots) for commit in commits}
    return same | {
        frozenset((a, b)): _best(above[a] & above[b], parents) for a, b in _twos(commits)
    }


def _twos(commits: list[str]) -> Iterable[tuple[str, str]]:
    return combinations(commits, 2)


def _of_two(repository: Repository, one: str, two: str) -> tuple[str, ...]:
    ask = ["merge-base", "--all", "--end-of-options", one, two]
    return tuple(sorted(run_git(ask, repository.top, accept=(0, 1)).decode().split()))


def _reached(commit: str, parents: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [commit]
    while waiting:
        at = waiting.pop()
        if at in parents and at not in found:
            found.add(at)
            waiting += parents[at]
    return found


def _best(shared: set[str], parents: dict[str, list[str]]) -> tuple[str, ...]:
    """Return those of the shared commits that no other one stands on.

    What a shared commit stands on is shared as well, so its parents say it all.
    """
    lower = {parent for commit in shared for parent in parents.get(commit, ())}
    return tuple(sorted(shared - lower))
