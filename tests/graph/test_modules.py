from __future__ import annotations

from collections.abc import Sequence

import pytest

from guild_plugins.graph.imports import Import
from guild_plugins.graph.modules import Modules
from guild_plugins.graph.reading import read_imports

PACKAGE = ("app/__init__.py", "app/a.py", "app/sub/__init__.py", "app/sub/b.py")


def find(
    paths: Sequence[str], importer: str, statement: str, roots: Sequence[str] = ("",)
) -> tuple[str, ...]:
    modules = Modules(set(paths), roots)
    (found,) = read_imports(statement.encode()).imports
    return modules.find(importer, found).files


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("x.py", "import app.sub.b", ("app/sub/b.py",)),
        ("x.py", "from app.sub import b", ("app/sub/b.py",)),
        (
            "x.py",
            "from app import a, sub, name",
            ("app/a.py", "app/sub/__init__.py", "app/__init__.py"),
        ),
        ("x.py", "from app.sub import *", ("app/sub/__init__.py",)),
        ("app/sub/b.py", "from . import name", ("app/sub/__init__.py",)),
        ("app/sub/b.py", "from .. import a", ("app/a.py",)),
        ("app/sub/b.py", "from ..a import name", ("app/a.py",)),
        ("app/__init__.py", "from . import a, name", ("app/a.py",)),
        ("app/__init__.py", "from .sub.b import x", ("app/sub/b.py",)),
        ("x.py", "import app.a.made_up", ("app/a.py",)),
        ("x.py", "import numpy.linalg", ()),
        ("app/a.py", "from .gone import x", ()),
    ],
)
def test_an_import_means_a_file(importer: str, statement: str, expected: tuple[str, ...]) -> None:
    assert find([*PACKAGE, "x.py"], importer, statement) == expected


def test_a_package_is_found_before_a_module_of_its_name() -> None:
    paths = ["a.py", "a/__init__.py", "b.py"]

    assert find(paths, "b.py", "import a") == ("a/__init__.py",)


def test_namespace_packages_need_no_init() -> None:
    paths = ["src/ns/one/x.py", "src/ns/two/y.py", "other/ns/three/z.py"]
    roots = ("src", "other")

    assert find(paths, "src/ns/one/x.py", "from ns.two import y", roots) == ("src/ns/two/y.py",)
    assert find(paths, "src/ns/one/x.py", "import ns.three.z", roots) == ("other/ns/three/z.py",)


def test_tests_without_packages_find_what_lies_beside_them_and_beside_their_conftests() -> None:
    paths = ["tests/conftest.py", "tests/helpers.py", "tests/sub/test_a.py", "tests/sub/local.py"]

    assert find(paths, "tests/sub/test_a.py", "import local") == ("tests/sub/local.py",)
    assert find(paths, "tests/sub/test_a.py", "import helpers") == ("tests/helpers.py",)


def test_two_folders_of_tests_may_have_helpers_of_one_name() -> None:
    paths = ["a/test_x.py", "a/helpers.py", "b/test_y.py", "b/helpers.py", "helpers.py"]

    assert find(paths, "a/test_x.py", "import helpers") == ("a/helpers.py",)
    assert find(paths, "b/test_y.py", "import helpers") == ("b/helpers.py",)


def test_a_file_that_hides_a_package_is_named_with_what_it_hides() -> None:
    paths = ["app/__init__.py", "app/a.py", "tests/app.py", "tests/test_a.py"]

    assert find(paths, "tests/test_a.py", "import app.a") == ("tests/app.py", "app/a.py")
    assert find(paths, "tests/test_a.py", "import app") == ("tests/app.py",)


def test_code_finds_the_source_roots_first_and_scripts_what_lies_beside_them() -> None:
    paths = ["src/app/__init__.py", "src/app/x.py", "tools/run.py", "tools/app.py", "tools/own.py"]

    assert find(paths, "tools/run.py", "import app.x", ("src", "")) == ("src/app/x.py",)
    assert find(paths, "tools/run.py", "import own", ("src", "")) == ("tools/own.py",)


def test_the_standard_library_is_not_taken_for_the_projects_own() -> None:
    paths = [
        "src/logging.py",
        "src/app/__init__.py",
        "src/app/x.py",
        "tools/run.py",
        "tools/json.py",
    ]
    roots = ("src", "")

    assert find(paths, "tools/other.py", "import logging", roots) == ()
    assert find(paths, "tools/run.py", "import json", roots) == ("tools/json.py",)


def test_what_is_not_in_the_tree_is_named() -> None:
    modules = Modules({"app/__init__.py", "app/a.py"}, ("src", ""))
    found = modules.find("app/a.py", Import("lib.part", ("x",), 1))

    assert found.unknown == ("lib.part.x",)
    assert dict(modules.unfound("app/a.py", Import("", ("b",), 1, level=1))) == {
        "b": ("app/b/__init__.py", "app/b.py")
    }
    assert [name for name, _ in modules.unfound("x.py", Import("app.a", ("c",), 1))] == ["app.a.c"]


def test_an_import_that_leads_out_of_the_tree_is_told() -> None:
    modules = Modules({"app/a.py"}, ("",))

    assert modules.find("app/a.py", Import("", ("x",), 1, level=3)).leaves
    assert not modules.find("app/a.py", Import("", ("x",), 1, level=2)).leaves
