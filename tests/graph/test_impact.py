from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from guild_plugins.git.changes import compare
from guild_plugins.git.trees import MemoryTree
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.impact import Impact, Link, Sides, assess

CONFIG = """
barriers = ["uv.lock"]
[scopes.core]
paths = ["core"]
tests = ["tests/core"]
[scopes.web]
paths = ["web"]
tests = ["tests/web"]
data = ["shared/*.json"]
[scopes.e2e]
paths = ["e2e"]
depends_on = ["web"]
"""
FILES = {
    "guild.toml": CONFIG,
    "uv.lock": "1",
    "core/__init__.py": "x = 1\n",
    "core/a.py": "",
    "core/b.py": "from core import a\n",
    "core/schema.sql": "1",
    "web/__init__.py": "",
    "web/page.py": "def f():\n    import core.b\n",
    "shared/names.json": "{}",
    "README.md": "1",
    "tests/conftest.py": "",
    "tests/core/conftest.py": "",
    "tests/core/test_a.py": "import core.a\n",
    "tests/core/test_b.py": "import core.b\n",
    "tests/core/test_none.py": "x = 1\n",
    "tests/web/test_page.py": "import web.page\n",
    "e2e/test_all.py": "x = 1\n",
}
CORE = ["tests/core/test_a.py", "tests/core/test_b.py", "tests/core/test_none.py"]
ALL = ["e2e/test_all.py", *CORE, "tests/web/test_page.py"]


def change(changes: Mapping[str, str | None], files: Mapping[str, str] | None = None) -> Impact:
    """Return what changes of files affect; ``None`` deletes."""
    old = dict(FILES if files is None else files)
    new = {path: text for path, text in {**old, **changes}.items() if text is not None}
    trees = [MemoryTree({p: t.encode() for p, t in side.items()}) for side in (old, new)]
    books = [read_rules(Path("/p"), tree) for tree in trees]
    before, after = (ImportGraph(t, b.roots) for t, b in zip(trees, books, strict=True))
    differing = compare(trees[0].entries, trees[1].entries)
    return assess(Sides(differing, before, after, books[1]))


@pytest.mark.parametrize(
    ("changes", "tests"),
    [
        ({"core/a.py": "x = 2\n"}, ["e2e/test_all.py", *CORE[:2], "tests/web/test_page.py"]),
        ({"web/page.py": "x = 2\n"}, ["e2e/test_all.py", "tests/web/test_page.py"]),
        ({"core/__init__.py": ""}, ["e2e/test_all.py", *CORE[:2], "tests/web/test_page.py"]),
        ({"tests/core/test_none.py": "x = 2\n"}, ["tests/core/test_none.py"]),
        ({"tests/core/conftest.py": "x = 2\n"}, CORE),
        ({"tests/web/conftest.py": "x = 2\n"}, ["tests/web/test_page.py"]),
        ({"tests/conftest.py": None}, [*CORE, "tests/web/test_page.py"]),
        ({"shared/names.json": "1"}, ["e2e/test_all.py", "tests/web/test_page.py"]),
        ({"README.md": "2"}, []),
        ({"uv.lock": "2"}, ALL),
        ({"pyproject.toml": "[project]"}, ALL),
        ({"tests/core/pytest.ini": "[pytest]"}, CORE),
        ({"e2e/data.txt": "x"}, ["e2e/test_all.py"]),
        ({}, []),
    ],
)
def test_a_change_affects_the_tests_that_can_see_it(
    changes: dict[str, str | None], tests: list[str]
) -> None:
    assert list(change(changes).tests) == tests


def test_data_affects_the_scope_that_it_lies_in_and_those_that_import_that() -> None:
    impact = change({"core/schema.sql": "2"})

    assert list(impact.tests) == ALL


def test_what_a_deleted_or_renamed_module_left_behind_is_affected() -> None:
    deleted = change({"core/b.py": None})
    renamed = change({"core/b.py": None, "core/c.py": FILES["core/b.py"]})

    assert "tests/core/test_b.py" in deleted.tests
    assert "tests/core/test_a.py" not in deleted.tests
    assert deleted.tests == renamed.tests


def test_a_module_that_now_stands_before_another_affects_its_users() -> None:
    impact = change({"tests/core/core.py": "a = 1\n"})

    assert {"tests/core/test_a.py", "tests/core/test_b.py"} <= set(impact.tests)
    assert "tests/web/test_page.py" not in impact.tests


def test_an_explanation_leads_from_the_test_to_the_change() -> None:
    impact = change({"core/a.py": "x = 2\n"})

    assert impact.chain("tests/web/test_page.py") == (
        Link("tests/web/test_page.py", "web/page.py", "imports", 1),
        Link("web/page.py", "core/b.py", "imports", 2),
        Link("core/b.py", "core/a.py", "imports", 1),
    )
    assert impact.chain("e2e/test_all.py")[0].why == "e2e depends on web as declared"
    assert impact.chain("core/a.py") == ()
    assert impact.scopes == ("core", "e2e", "web")
