from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.git.trees import MemoryTree, Tree
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.boundaries.rulebook import RuleBook, kept_rules
from guild_plugins.graph.boundaries.violations import Step
from guild_plugins.scopes.kept import KEPT
from tests.graph.boundaries.books import judge, opened, scopes

INITS = {"a/__init__.py": "", "b/__init__.py": "", "c/__init__.py": ""}


def found(config: str, **files: str) -> list[tuple[str, str, int, str]]:
    contents = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    violations = judge({"guild.toml": config, **INITS, **contents})
    return [(v.rule, v.path, v.line, v.target) for v in violations]


def test_a_scope_imports_only_what_it_depends_on() -> None:
    config = scopes(a='depends_on = ["b"]')

    broken = found(config, a__x="import b\nimport c.y\n", c__y="import a.x", b__z="import json")

    assert broken == [("depends-on", "a/x.py", 2, "c/y.py")]


def test_a_violation_tells_rule_chain_owner_and_remedy() -> None:
    config = scopes(a='depends_on = []\nowners = ["@a"]')

    (violation,) = judge({"guild.toml": config, **INITS, "a/x.py": "\nfrom b import z\n"})

    assert violation.message == "a imports b, which it does not depend on"
    assert violation.chain == (Step("a/x.py", 2), Step("b/__init__.py", 0))
    assert violation.owners == ("@a",)
    assert "depends_on of a" in violation.remedy


def test_what_belongs_to_no_scope_may_be_imported_and_may_import() -> None:
    config = scopes(a="depends_on = []")

    assert found(config, a__x="import shared", shared="import b, c") == []


@pytest.mark.parametrize(
    ("public", "statement", "is_broken"),
    [
        ("['b/api.py']", "from b import api", False),
        ("['b/api.py']", "from b.api import f", False),
        ("['b/api.py']", "from b import inner", True),
        ("['b/api.py']", "import b", True),
        ("['b/*']", "import b.inner", False),
        ("['b.api']", "import b.api", False),
        ("['b.api']", "from b.api import f", False),
        ("['b.api']", "import b.inner", True),
        ("['b.api.f']", "from b.api import f", False),
        ("['b.api.f']", "from b.api import f, g", True),
        ("['b.api.f']", "from b.api import *", True),
        ("['b.api.f']", "import b.api", True),
        ("['b.f']", "from b import f", False),
        ("[]", "import b", True),
    ],
)
def test_a_scope_is_imported_through_what_it_makes_public(
    public: str, statement: str, is_broken: bool
) -> None:
    config = scopes(b=f"public = {public}")

    broken = found(config, a__x=statement, b__api="", b__inner="", b__own="from . import inner")

    assert [rule for rule, *_ in broken] == ["public"] * is_broken


def test_layers_are_imported_downwards_and_beside() -> None:
    config = scopes(top='layers = ["a", ["b", "c"]]')

    broken = found(config, a__x="import b, c", b__x="import c\nimport a", c__x="import b")

    assert broken == [("layers", "b/x.py", 2, "a/__init__.py")]


def test_a_deprecated_dependency_is_a_warning_with_its_date() -> None:
    config = scopes(a="depends_on = []\ndeprecated = {b = 2030-01-31}")

    (violation,) = judge({"guild.toml": config, **INITS, "a/x.py": "import b"})

    assert (violation.rule, violation.is_warning) == ("deprecated", True)
    assert "2030-01-31" in violation.message


def test_a_third_party_package_may_be_kept_to_one_scope() -> None:
    config = scopes(a='internal = ["requests", "sqlite3"]')

    broken = found(
        config,
        a__x="import requests",
        b__x="import json\nfrom requests.adapters import A\nimport sqlite3",
        c__requests="",
        c__x="from . import requests",
    )

    assert broken == [
        ("internal", "b/x.py", 2, "requests"),
        ("internal", "b/x.py", 3, "sqlite3"),
    ]


def test_imports_for_type_checkers_are_free_where_that_is_said() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b\n"
    strict, free = scopes(a="depends_on = []"), "ignore_type_checking = true\n"

    assert len(found(strict, a__x=source)) == 1
    assert found(free + strict, a__x=source) == []


def test_a_forbidden_scope_is_not_reached_through_others() -> None:
    config = scopes(a='forbids = ["c"]')

    violations = judge(
        {
            "guild.toml": config,
            **INITS,
            "a/x.py": "import b.y",
            "a/z.py": "import a.x",
            "b/y.py": "\nfrom . import w",
            "b/w.py": "import c.end",
            "b/back.py": "import a.x",
            "c/end.py": "",
        }
    )

    (violation,) = violations
    assert violation.rule == "forbids"
    assert violation.message == "a reaches c through 2 other files, which it forbids"
    assert violation.chain == (
        Step("a/x.py", 1),
        Step("b/y.py", 2),
        Step("b/w.py", 1),
        Step("c/end.py", 0),
    )


def test_independent_scopes_do_not_reach_one_another() -> None:
    config = scopes(top='independent = [["a", "c"]]')

    broken = found(config, a__x="import b.y", b__y="import c", c__x="import b.w", b__w="")

    assert [(rule, path) for rule, path, *_ in broken] == [("independent", "a/x.py")]


def test_every_circle_of_scopes_is_told() -> None:
    config = scopes(top="acyclic = true")

    broken = found(config, a__x="import b", b__x="import c\nimport a", c__x="import a")

    assert sorted(target for *_, target in broken) == ["a -> b -> a", "a -> b -> c -> a"]
    assert found(config, a__x="import b, c", b__x="import c") == []


def test_a_file_that_cannot_be_read_is_a_violation_and_the_rest_is_judged() -> None:
    config = scopes(a="depends_on = []")

    broken = found(config, a__broken="import json\nfrom b import (\n", a__x="import b")

    assert broken == [
        ("unreadable", "a/broken.py", 2, ""),
        ("depends-on", "a/x.py", 1, "b/__init__.py"),
    ]


def test_rules_are_the_same_after_they_were_kept_as_text() -> None:
    top = 'layers = ["a", ["b", "c"]]\nindependent = [["a", "b"]]\nsource_roots = ["x/"]\n'
    book, _ = opened(
        {
            "guild.toml": scopes(
                top=top,
                a='public = ["a/api.py"]\ninternal = ["x"]\ndata = ["d/**"]',
                b="depends_on = []\ndeprecated = {c = 2030-01-31}",
            )
        }
    )

    again = type(book).from_data(book.as_data())

    assert again.as_data() == book.as_data()
    assert again.rules == book.rules
    assert again.roots == ("x",)
    assert again.scope("b").depends_on == ()


def test_rules_are_kept_by_the_content_that_they_were_read_from(tmp_path: Path) -> None:
    reads: list[str] = []

    def read(tree: Tree) -> RuleBook:
        reads.append("read")
        return read_rules(Path("/p"), tree)

    def rules(**config: str) -> RuleBook:
        files = {"guild.toml": scopes(**config).encode(), "a/x.py": b""}
        return kept_rules(tmp_path, MemoryTree(files), read)

    first = rules(a="depends_on = []")
    assert rules(a="depends_on = []").as_data() == first.as_data()
    assert rules(b="depends_on = []").as_data() != first.as_data()
    assert len(reads) == 2

    for kept in tmp_path.iterdir():
        kept.write_text("{")
    assert rules(a="depends_on = []").as_data() == first.as_data()
    for number in range(2 * KEPT):
        rules(a=f'internal = ["p{number}"]')
    assert len(list(tmp_path.iterdir())) == KEPT


def test_discovered_scopes_are_not_kept(tmp_path: Path) -> None:
    tree = MemoryTree({"app/a.py": b"x = 1"})

    book = kept_rules(tmp_path, tree, lambda tree: read_rules(Path("/p"), tree))

    assert not book.is_configured
    assert list(tmp_path.iterdir()) == []
