"""Each rule with a case that it settles, and one that it leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.merge.engine import merge
from guild_plugins.merge.result import Clean, Conflict
from guild_plugins.merge.rules.table import (
    ADJACENT,
    ADJACENT_ADDED,
    ADJACENT_REMOVED,
    NAMES,
    RULES,
)

HEAD = "import a\n\n\ndef f():\n    return a.x\n"


ALL_RULES = (*RULES, ADJACENT, ADJACENT_ADDED, ADJACENT_REMOVED)


def _merge(path: str, base: str, ours: str, theirs: str) -> Clean | Conflict:
    return merge(path, base.encode(), ours.encode(), theirs.encode())


SETTLED = [
    ("whitespace", "m.py", "x = 1\n", "y = f(1,2)\n", "y = f(1, 2)\n", "y = f(1,2)\n"),
    (
        "versions",
        "m.py",
        'version = "1.0"\n',
        'version = "1.2"\n',
        'version = "1.10"\n',
        'version = "1.10"\n',
    ),
    (
        "imports",
        "m.py",
        "import a\n",
        "import a\nimport b\n",
        "import a\nimport c\n",
        "import a\nimport b\nimport c\n",
    ),
    ("contained", "m.py", "x = 0\n", "x = 1\ny = 2\n", "x = 1\n", "x = 1\ny = 2\n"),
    ("contained-words", "m.py", "f(a)\n", "f(b, c)\n", "f(b)\n", "f(b, c)\n"),
    (
        "reformatted",
        "m.py",
        "x = f('a')\n",
        'x = f("a")\n',
        "x = f('b')\n",
        "x = f('b')\n",
    ),
    (
        "items",
        "m.py",
        "x = [\n]\n",
        'x = [\n    "b",\n]\n',
        'x = [\n    "a",\n]\n',
        'x = [\n    "a",\n    "b",\n]\n',
    ),
    (
        "definitions",
        "m.py",
        "",
        "def f():\n    return 1\n",
        "def g():\n    return 2\n",
        "def f():\n    return 1\ndef g():\n    return 2\n",
    ),
    (
        "entries",
        "CHANGELOG.md",
        "# 1\n",
        "# 1\n- one fix\n",
        "# 1\n- two more\n",
        "# 1\n- one fix\n- two more\n",
    ),
    (
        "headed",
        "CHANGELOG.md",
        "# Changes\n",
        "# Changes\n- one fix\n",
        "# Changes\n- two more\n\n## 1.1\n\n- the third of them\n",
        "# Changes\n- one fix\n- two more\n\n## 1.1\n\n- the third of them\n",
    ),
    (
        "maintained",
        "CHANGELOG.md",
        "# Changes\n",
        "# Changes\n\n## 1.1 - 2026-01-02\n\n- one\n",
        "# Changes\n\n## 2.0 (unreleased)\n\n- two\n",
        "# Changes\n\n## 2.0 (unreleased)\n\n- two\n## 1.1 - 2026-01-02\n\n- one\n",
    ),
    (
        "begun",
        "CHANGES.rst",
        "Changes\n\n1.1.dev\n-------\n\n- one\n",
        "Changes\n\n2.0.dev\n-------\n\n1.1.dev\n-------\n\n- one\n",
        "Changes\n\n1.1 (July)\n----------\n\n- one\n",
        "Changes\n\n2.0.dev\n-------\n\n1.1 (July)\n----------\n\n- one\n",
    ),
    (
        "pending",
        "CHANGELOG.md",
        "# Changes\n",
        "# Changes\n\n## Unreleased\n\n### Fixed\n\n- one\n",
        "# Changes\n\n## [Unreleased]\n\n### Fixed\n\n- a second and last\n",
        "# Changes\n\n## [Unreleased]\n\n### Fixed\n\n- one\n- a second and last\n",
    ),
    (
        "releases",
        "CHANGELOG.md",
        "# Changes\n",
        "# Changes\n\n## 1.1\n\n- one\n",
        "# Changes\n\n## 2.0\n\n- two\n",
        "# Changes\n\n## 1.1\n\n- one\n## 2.0\n\n- two\n",
    ),
    (
        "imports-moved",
        "m.py",
        "from a import x\n",
        "from a import x, y\n",
        "from b import x\n",
        "from a import y\nfrom b import x\n",
    ),
    (
        "relaid",
        "m.py",
        "x = f(a, b)\n",
        "x = f(a,b)\n",
        "x = f(a, c)\n",
        "x = f(a, c)\n",
    ),
    (
        "paragraphs",
        "README.md",
        "# Use\n\n",
        "# Use\n\nOne may do this.\n",
        "# Use\n\nTwo cannot.\n",
        "# Use\n\nOne may do this.\nTwo cannot.\n",
    ),
    (
        "statements",
        "m.py",
        "def f(x):\n    x.a = 1\n",
        "def f(x):\n    x.a = 1\n    x.first()\n",
        "def f(x):\n    x.a = 1\n    y = g(2)\n",
        "def f(x):\n    x.a = 1\n    x.first()\n    y = g(2)\n",
    ),
    (
        "superseded",
        "m.txt",
        "one\n-\n-\ntwo\n-\n-\nthree\n",
        "ONE\n-\n-\na b c d e f\n-\n-\nTHREE\n",
        "ONE\n-\n-\nsome other words\n-\n-\nthree\n",
        "ONE\n-\n-\na b c d e f\n-\n-\nTHREE\n",
    ),
    (
        "tokens-apart-grown",
        "m.py",
        "f(a, b, c, d, e, g)\n",
        "x = 1\nf(a, b, c, d, e, g)\n",
        "f(a, b, c, d, e, y)\n",
        "x = 1\nf(a, b, c, d, e, y)\n",
    ),
    ("tokens", "m.py", "f(a, b)\n", "g(a, b)\n", "f(a, c)\n", "g(a, c)\n"),
    ("tokens-grown", "m.py", "f(a, b)\n", "g(\n    a, b)\n", "f(a, c)\n", "g(\n    a, c)\n"),
    (
        "adjacent-removed",
        "m.txt",
        "one two\nthree four\nend\n",
        "three four\nend\n",
        "one two\nend\n",
        "end\n",
    ),
    (
        "adjacent-added",
        "m.txt",
        "1 a 2 b 3 c 4 d 5\na b c\n",
        "6 a 7 b 8 c 9 d 0\na b c\n",
        "1 a 2 b 3 c 4 d 5\nd, e and f\na b c\n",
        "6 a 7 b 8 c 9 d 0\nd, e and f\na b c\n",
    ),
    (
        "tokens-apart",
        "m.py",
        "f(a, b, c, d, e, g)\n",
        "f(x, b, c, d, e, g)\n",
        "f(a, b, c, d, e, y)\n",
        "f(x, b, c, d, e, y)\n",
    ),
    (
        "adjacent",
        "m.txt",
        "one two three\na b c\n",
        "four, five and six\na b c\n",
        "one two three\nd, e and f\n",
        "four, five and six\nd, e and f\n",
    ),
]


@pytest.mark.parametrize(
    ("rule", "path", "base", "ours", "theirs", "merged"), SETTLED, ids=[case[0] for case in SETTLED]
)
def test_a_rule_makes_of_its_example_what_the_documentation_says(
    rule: str, path: str, base: str, ours: str, theirs: str, merged: str
) -> None:
    result = _merge(path, base, ours, theirs)

    made = result.text if isinstance(result, Clean) else result.proposal
    assert made == merged.encode()
    assert rule in result.regions[0].rules


OPEN = {
    "a pin is not a version to be raised": (
        "setup.py",
        "x = 'a==1.0'\n",
        "x = 'a==1.2'\n",
        "x = 'a==1.3'\n",
    ),
    "a definition that both sides wrote": (
        "m.py",
        "",
        "def f():\n    return 1\n",
        "def f():\n    x()\n",
    ),
    "blocks that look alike": (
        "m.py",
        "",
        "def f():\n    abcd()\n    efgh()\n",
        "def g():\n    abcd()\n    efgh()\n",
    ),
    "an entry in two versions": ("NEWS", "", "- fix the bug in a\n", "- fix the bug in b\n"),
    "a name that two modules give": ("m.py", "", "from a import x\n", "from b import x\n"),
    "a lock file": ("poetry.lock", "a\n", "b\n", "c\n"),
}


@pytest.mark.parametrize("case", OPEN.values(), ids=OPEN)
def test_what_is_not_clear_stays_open(case: tuple[str, str, str, str]) -> None:
    result = _merge(*case)

    assert isinstance(result, Conflict)
    assert result.proposal is None
    assert b"<<<<<<< ours" in result.text
    assert result.reason


def test_an_entry_that_one_side_moved_is_not_there_twice() -> None:
    moved = "- the entry of them all\n"
    result = _merge(
        "CHANGELOG.md",
        "## 2\n\n## 1\n\n- b\n\n- c\n\n",
        f"## 2\n\n{moved}\n## 1\n\n- b\n\n- c\n\n- d\n\n",
        f"## 2\n\n## 1\n\n- b\n\n- c\n\n{moved}\n",
    )

    assert isinstance(result, Conflict)
    assert result.reason == "an entry would be there twice"


def test_a_file_that_both_sides_made_is_not_joined_without_asking() -> None:
    result = _merge("changelog/1.bugfix.rst", "", "A fix of that.\n", "It is repaired now.\n")

    assert isinstance(result, Conflict)


def test_python_that_only_one_side_can_read_is_not_settled_into_what_nobody_can() -> None:
    base = "x = 1\na = f(b, c)\n"
    ours = 'x = 1\nprint "a"\n'
    result = _merge("m.py", base, ours, base.replace("b, c", "b"))

    assert isinstance(result, Conflict)


def test_an_import_whose_last_use_was_merged_away_is_left_out() -> None:
    use = "\n\nx = 1\ny = 2\nz = 3\nw = b.c\n"
    result = _merge(
        "m.py", f"import a\n{use}", f"import a\nimport b\n{use}", f"import a\nimport d\n{use[:-8]}"
    )

    assert b"import d" in result.text or not result.is_clean


def test_a_name_that_would_be_undefined_keeps_the_conflict() -> None:
    base = "from m import (\n    a,\n    b,\n)\n\n\nx = 1\n\n\ny = 1\n"
    ours = base.replace("    b,\n", "    b,\n    c,\n").replace("x = 1", "x = c + a")
    theirs = base.replace("    a,\n    b,\n", "    b,\n    d,\n")

    result = _merge("m.py", base, ours, theirs)

    assert isinstance(result, Conflict)
    assert result.reason == "a would not be defined"


def test_a_file_with_markers_is_left_to_people() -> None:
    marked = "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"

    result = _merge("m.txt", marked, marked + "o\n", marked + "t\n")

    assert not result.is_clean
    assert result.regions[0].reason == "an input has conflict markers"


def test_every_rule_but_those_hardly_ever_met_has_an_example_here() -> None:
    assert NAMES - {case[0] for case in SETTLED} == {"contained-edits", "pairs", "tokens-shared"}


@pytest.mark.parametrize(
    ("rule", "path", "base", "ours", "theirs", "merged"), SETTLED, ids=[case[0] for case in SETTLED]
)
def test_a_rule_can_be_switched_off(
    rule: str, path: str, base: str, ours: str, theirs: str, merged: str
) -> None:
    result = merge(path, base.encode(), ours.encode(), theirs.encode(), without=frozenset({rule}))

    assert not any(rule in region.rules for region in result.regions)


def test_headings_that_both_sides_added_are_joined_with_their_entries() -> None:
    result = _merge(
        "CHANGELOG.md",
        "# Changes\n",
        "# Changes\n\n## 2\n\n### New\n\n- one\n\n### Fixed\n\n- two\n",
        "# Changes\n\n## 2\n\n### Fixed\n\n- three\n",
    )

    assert result.text.split() == b"# Changes ## 2 ### New - one ### Fixed - two - three".split()


def test_an_empty_bullet_that_one_side_filled_is_filled() -> None:
    result = _merge("CHANGES.md", "# 1\n*\n", "# 1\n* a fix\n", "# 1\n* another bug\n*\n")

    assert result.text == b"# 1\n* a fix\n* another bug\n"


def test_a_comment_that_holds_a_place_goes_when_the_place_is_taken() -> None:
    result = _merge("CHANGES.md", "# 1\n<!-- new -->\n", "# 1\n- a fix\n", "# 1\n- more words\n")

    assert result.text == b"# 1\n- a fix\n- more words\n"


def test_sides_with_the_same_headings_do_not_look_alike_for_that() -> None:
    base, head = "# Changes\n", "# Changes\n\n## 2\n\n### Fixed\n\n### Added\n\n"
    result = _merge("CHANGES.md", base, f"{head}- this and that\n", f"{head}- a few others\n")

    assert result.text == f"{head}- this and that\n- a few others\n".encode()


def test_words_of_a_changelog_that_grew_are_not_mixed() -> None:
    result = _merge("NEWS", "- a b c d\n", "- a b c d e\n  f\n", "- x b c d\n")

    assert isinstance(result, Conflict)


def test_no_two_rules_have_one_name() -> None:
    assert len(NAMES) == len(ALL_RULES)


def test_every_rule_is_in_the_documentation_with_its_rate() -> None:
    page = (Path(__file__).parents[2] / "docs" / "merge.md").read_text()

    for rule in ALL_RULES:
        assert f"| `{rule.name}` | {rule.rates['usual']:.2f}" in page
