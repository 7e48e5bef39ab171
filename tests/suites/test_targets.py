"""Which files the arguments of a command line mean."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from guild_plugins.suites.targets import resolve

pytest_plugins = ["pytester"]


def paths(pytester: pytest.Pytester, *args: str) -> list[Path]:
    return [target.path for target in resolve(pytester.parseconfig("--pyargs", *args))]


class Finder:
    """Knows one package, as the finder of an editable install does."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        if name != self.name:
            return None
        init = str(self.folder / "__init__.py")
        spec = ModuleSpec(name, SourceFileLoader(name, init), origin=init, is_package=True)
        spec.submodule_search_locations = [str(self.folder)]
        return spec


def test_a_module_that_only_an_editable_installs_finder_knows_is_found_and_not_imported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := pytester.mkdir("elsewhere")).joinpath("__init__.py").write_text("raise SystemExit")
    folder.joinpath("test_part.py").touch()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder("editable_one", folder)])

    found = paths(pytester, "editable_one", "editable_one.test_part::test_a")

    assert found == [folder]
    assert "editable_one" not in sys.modules


def test_a_directory_that_is_loaded_as_no_package_is_a_path(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, other = pytester.mkdir("sums"), pytester.mkdir("other")
    other.joinpath("sums").mkdir()
    other.joinpath("sums/__init__.py").touch()
    monkeypatch.syspath_prepend(other)
    importlib_mode = ModuleType("sums")  # as that mode makes one for a conftest's directory
    monkeypatch.setitem(sys.modules, "sums", importlib_mode)

    assert paths(pytester, "sums") == [here]


def test_namespace_packages_are_found_where_the_ini_file_says_so(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = pytester.mkdir("lib") / "loose_ns" / "part"
    part.mkdir(parents=True)
    monkeypatch.syspath_prepend(part.parents[1])

    with pytest.raises(pytest.UsageError, match=r"loose_ns\.part"):
        paths(pytester, "loose_ns.part")
    pytester.makeini("[pytest]\nconsider_namespace_packages = true\n")

    assert paths(pytester, "loose_ns.part") == [part]
