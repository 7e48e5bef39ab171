"""A word changes exactly where something that a file needs does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from guild_plugins.git.changes import compare
from guild_plugins.git.trees import MemoryTree
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.closures import Closures, Node, closures_of
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.impact import Sides, assess

from .test_impact import FILES

TESTS = [path for path in FILES if "test_" in path]


def closures(files: Mapping[str, str]) -> Closures:
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    book = read_rules(Path("/p"), tree)
    return closures_of(ImportGraph(tree, book.roots), book)


def affected(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    trees = [MemoryTree({p: t.encode() for p, t in side.items()}) for side in (old, new)]
    books = [read_rules(Path("/p"), tree) for tree in trees]
    before, after = (ImportGraph(t, b.roots) for t, b in zip(trees, books, strict=True))
    differing = compare(trees[0].entries, trees[1].entries)
    return set(assess(Sides(differing, before, after, books[1])).tests)


def test_words_are_of_content_and_not_of_the_order_in_which_files_are_met() -> None:
    assert closures(FILES).words() == closures(dict(reversed(FILES.items()))).words()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_affects_a_test_changes_its_word(seed: int) -> None:
    chance = random.Random(seed)
    old, new = dict(FILES), dict(FILES)
    for path in chance.sample(sorted(set(FILES) - {"guild.toml"}), chance.choice([1, 1, 2])):
        if chance.random() < 0.3:
            del new[path]
        elif chance.random() < 0.2:
            new[f"{path.rpartition('/')[0] or 'core'}/new_{path.rpartition('/')[2]}"] = new.pop(
                path
            )
        else:
            new[path] += f"\n# {seed}\n"
    before, after = closures(old), closures(new)

    changed = {path for path in TESTS if path in new and before.word(path) != after.word(path)}

    assert changed >= affected(old, new) & set(TESTS)


def test_a_change_elsewhere_leaves_the_word() -> None:
    before = closures(FILES)
    after = closures({**FILES, "web/page.py": "x = 2\n", "README.md": "2"})

    same = [path for path in TESTS if before.word(path) == after.word(path)]

    assert same == ["tests/core/test_a.py", "tests/core/test_b.py", "tests/core/test_none.py"]


def test_files_in_a_circle_share_what_they_need() -> None:
    nodes = {
        "a": Node("1", ("b",)),
        "b": Node("2", ("c",)),
        "c": Node("3", ("a", "d")),
        "d": Node("4", ()),
    }
    before, after = Closures(nodes), Closures({**nodes, "d": Node("5", ())})

    assert all(before.word(name) != after.word(name) for name in "abcd")
    assert before.reaches("a", "d")
    assert not before.reaches("d", "a")


def test_what_was_seen_in_a_run_is_needed_too() -> None:
    plain = Closures({"a": Node("1", ()), "b": Node("2", ("c",)), "c": Node("3", ())})

    seen = plain.with_needs([("a", "b"), ("a", "nowhere")])

    assert seen.reaches("a", "c")
    assert not plain.reaches("a", "c")


def test_a_long_chain_of_imports_is_followed() -> None:
    nodes = {str(n): Node("", (str(n + 1),)) for n in range(5_000)} | {"5000": Node("", ())}

    assert Closures(nodes).reaches("0", "5000")
