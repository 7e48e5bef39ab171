"""Each rule with a case that it settles, and one that it leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.merge.engine import merge
from guild_plugins.merge.result import Clean, Conflict
from guild_plugins.merge.rules.table import ADJACENT, RULES

HEAD = "import a\n\n\ndef f():\n    return a.x\n"


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
        'x = f(\n    "a",\n)\n',
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


def test_no_two_rules_have_one_name() -> None:
    names = [rule.name for rule in (*RULES, ADJACENT)]

    assert len(set(names)) == len(names)


def test_every_rule_is_in_the_documentation_with_its_rate() -> None:
    page = (Path(__file__).parents[2] / "docs" / "merge.md").read_text()

    for rule in (*RULES, ADJACENT):
        assert f"| `{rule.name}` | {rule.rates['usual']:.2f}" in page
