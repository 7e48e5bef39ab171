"""Replay conflicts about whole files of real merges, and compare with what people committed.

    python -m benchmarks.tree_merges REPOSITORY.git [REPOSITORY.git ...]

Only two-parent merges that changed something on both sides count, and of conflicts
of the same contents the first. A rule is *right* where the people's tree has, at each
path that it decides about, a file or none as the rule says; where a change was put
into another file, what was added has to be there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.delivery.trees import CONTENTS, TreeMerge, settle_tree
from guild_plugins.delivery.whole_conflicts import Settled, groups_of
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.tree_merging import TreeMerging, merge_by_git

Tally = Counter[tuple[str, str]]


def main() -> int:
    """Replay, and print two tables: by git's kinds, and by rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", nargs="+", type=Path)
    parser.add_argument("--show", choices=("right", "wrong", "open"), help="print such cases")
    args = parser.parse_args()
    kinds: Tally = Counter()
    rules: Tally = Counter()
    seen: set[object] = set()
    merges = 0
    for repository in args.repository:
        with tempfile.TemporaryDirectory(prefix="guild-replay-") as folder:
            top = mirror(repository, Path(folder, "mirror.git"))
            for commit, ours, theirs, by_git in _conflicting(top):
                merges += _count(top, commit, ours, theirs, by_git, seen, kinds, rules, args.show)
        print(f"{repository}: {merges} merges so far", file=sys.stderr)
    _print("kind of conflict", kinds, ("accepted", "proposed", "open"))
    _print("rule", rules, ("right", "wrong", "merges right", "merges wrong"))
    return 0


def mirror(repository: Path, folder: Path) -> Path:
    command = ["git", "clone", "-q", "--mirror", "--shared", str(repository.resolve()), str(folder)]
    subprocess.run(command, check=True)
    return folder


def _conflicting(top: Path) -> Iterator[tuple[str, str, str, TreeMerging]]:
    """Yield the merges in which git finds a conflict about whole files."""
    args = ["rev-list", "--all", "--parents", "--min-parents=2", "--max-parents=2"]
    rows = [row.split() for row in run_git(args, top).decode().splitlines()]
    with ThreadPoolExecutor(2) as pool:
        for row, by_git in zip(rows, pool.map(lambda row: _merge(top, row), rows), strict=True):
            if by_git and any(m.is_conflict and m.kind != CONTENTS for m in by_git.messages):
                yield row[0], row[1], row[2], by_git


def _merge(top: Path, row: list[str]) -> TreeMerging | None:
    try:
        return merge_by_git(top, row[1], row[2])
    except GitFailed:
        return None  # a snapshot may lack what is large


def _count(
    top: Path,
    commit: str,
    ours: str,
    theirs: str,
    by_git: TreeMerging,
    seen: set[object],
    kinds: Tally,
    rules: Tally,
    show: str | None,
) -> int:
    taken = run_git(["rev-parse", *(f"{c}^{{tree}}" for c in (commit, ours, theirs))], top).split()
    if taken[0] in taken[1:]:
        return 0
    objects = GitObjects(top)
    try:
        merge = settle_tree(by_git, Sides(top, ours, theirs, objects), frozenset())
    finally:
        objects.close()
    fresh = _fresh(by_git, seen)
    people = _People(top, taken[0].decode())
    told: set[tuple[str, str]] = set()
    for kind, paths in fresh:
        state, decision = _state(merge, paths)
        kinds[kind, state] += 1
        verdict = "open"
        if decision is not None:
            verdict = "right" if people.agree(decision) else "wrong"
            name = decision.rule.name
            rules[name, verdict] += 1
            told.add((name, verdict))
        if show == verdict:
            print(commit, kind, *sorted(paths), decision.text if decision else "", sep="  ")
    for name, verdict in told:
        rules[name, f"merges {verdict}"] += 1
    return 1


def _fresh(by_git: TreeMerging, seen: set[object]) -> list[tuple[str, set[str]]]:
    """Return the conflicts that were not seen before: what git calls them, and their paths."""
    found = []
    for group in groups_of(by_git):
        names = sorted(group.kinds - {CONTENTS})
        paths = {path for message in group.messages for path in message.paths}
        key = str((names, sorted((path, by_git.stages.get(path)) for path in paths)))
        if names and key not in seen:
            seen.add(key)
            found.append(
                (" and ".join(name[len("CONFLICT") :].strip(" ()") for name in names), paths)
            )
    return found


def _state(merge: TreeMerge, paths: set[str]) -> tuple[str, Settled | None]:
    """Return what became of a conflict, and by which rule."""
    for conflict in merge.conflicts:
        if paths & set(conflict.paths) and conflict.kind != CONTENTS:
            return ("proposed" if conflict.proposal else "open"), conflict.proposal
    for settled in merge.settled:
        if paths & set(settled.paths):
            return "accepted", settled
    return "open", None


class _People:
    """What people committed."""

    def __init__(self, top: Path, tree: str) -> None:
        output = run_git(["ls-tree", "-r", "-z", tree], top)
        rows = (row.partition(b"\t") for row in output.split(b"\0") if row)
        self._there = {name.decode("utf-8", "surrogateescape"): about for about, _, name in rows}
        self._top = top

    def agree(self, decision: Settled) -> bool:
        """Say whether people did as a rule says."""
        if not decision.changes:
            return all((decision.paths[0] in self._there, *self._modes(decision)))
        return all(self._has(path, text) for path, text in decision.changes.items())

    def _modes(self, decision: Settled) -> Iterator[bool]:
        for path, mode in decision.modes.items():
            yield self._there.get(path, b"").startswith(mode.encode())

    def _has(self, path: str, text: bytes | None) -> bool:
        there = self._there.get(path)
        if text is None or there is None:
            return text is None and there is None
        content = run_git(["cat-file", "blob", there.split()[2].decode()], self._top)
        theirs = set(content.split(b"\n"))
        return content == text or len(set(text.split(b"\n")) - theirs) == 0


def _print(title: str, tally: Tally, columns: tuple[str, ...]) -> None:
    names = sorted({key[0] for key in tally}, key=lambda name: -sum(_row(tally, name).values()))
    print(f"| {title} | all | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 2) + "|")
    for name in names:
        row = _row(tally, name)
        cells = " | ".join(str(row[column]) for column in columns)
        total = sum(count for column, count in row.items() if not column.startswith("merges"))
        print(f"| {name} | {total} | {cells} |")


def _row(tally: Tally, name: str) -> Counter[str]:
    row: Counter[str] = Counter()
    for (each, column), count in tally.items():
        if each == name:
            row[column] += count
    return row


if __name__ == "__main__":
    sys.exit(main())
