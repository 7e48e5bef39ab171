"""A run in one work tree is not to test the code of another, which an installation names."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.suites.runs import Run, environment, run, write

TREE = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "guarded"
        version = "1"
        [tool.hatch.build]
        dev-mode-dirs = ["src"]
        [tool.hatch.build.targets.wheel]
        packages = ["src/guarded"]
        [tool.pytest.ini_options]
    """,
    "src/guarded/__init__.py": "from guarded.inner import PLACE\n",
    "src/guarded/inner.py": "PLACE = __file__\n",
    "tests/conftest.py": "import guarded\n",
    "tests/test_place.py": """
        import os, guarded
        def test_place(): assert guarded.PLACE.startswith(os.environ["EXPECTED"] + os.sep)
    """,
}


def git(folder: Path, *args: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", *identity, *args],
        cwd=folder,
        env=environment(folder),
        check=True,
        capture_output=True,
    )


def interpreter(folder: Path) -> Path:
    """Make an environment of its own, which sees the packages of this one; return its python."""
    venv.create(folder, symlinks=True)
    paths = [path for path in sys.path if "site-packages" in path]
    paths.append(str(Path(__file__).parents[2]))
    # Not with .pth files of the outer environment's: what is installed there stays there.
    write(site_packages(folder), {"zz_outer.pth": "\n".join(paths) + "\n"})
    return folder / "bin" / "python"


def site_packages(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def install(python: Path, tree: Path) -> None:
    """Install a tree as ``pip install -e`` does, and with it where it is there."""
    if importlib.util.find_spec("pip") and importlib.util.find_spec("hatchling"):
        options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
        quiet = ("--disable-pip-version-check", "--root-user-action=ignore")
        subprocess.run(
            [str(python), "-m", "pip", "install", *options, *quiet, "-e", str(tree)], check=True
        )
    else:
        write(site_packages(python.parents[1]), {"_guarded.pth": f"{tree / 'src'}\n"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a second work tree, and an environment that has the first installed."""
    home = tmp_path_factory.mktemp("guard")
    main = write(home / "main", TREE)
    git(main, "init", "-q")
    git(main, "add", "-A")
    git(main, "commit", "-qm", "all")
    git(main, "worktree", "add", "-q", "../other", "-b", "other")
    install(interpreter(home / "environment"), main)
    return home


def look(home: Path, tree: str, expected: str, *args: str, environment: str = "environment") -> Run:
    return run(
        home / tree,
        "--guild-scopes",
        *args,
        env={"EXPECTED": str(home / expected)},
        python=str(home / environment / "bin" / "python"),
    )


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_run_that_would_test_the_first_checkout_stops(home: Path, workers: str) -> None:
    ended = look(home, "other", "main", workers)

    assert ended.code == pytest.ExitCode.USAGE_ERROR, ended.out
    assert str(home / "main/src/guarded/__init__.py") in ended.out
    assert str(home / "other/src/guarded/__init__.py") in ended.out
    assert "pip install -e ." in ended.out
    assert "guild_import_guard" in ended.out
    assert not ended.outcomes


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_repair_tests_the_tree_that_it_stands_in(home: Path, workers: str) -> None:
    ended = look(home, "other", "other", workers, "--guild-import-guard=repair")

    assert ended.of("passed") == {"tests/test_place.py::test_place"}, ended.out
    assert ended.code == pytest.ExitCode.OK


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_without_the_guard_and_in_the_first_checkout_the_run_goes_on(
    home: Path, workers: str
) -> None:
    off = look(home, "other", "main", workers, "--guild-import-guard=off")
    first = look(home, "main", "main", workers)

    assert off.of("passed") == first.of("passed") == {"tests/test_place.py::test_place"}
    assert off.code == first.code == pytest.ExitCode.OK


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_an_installed_copy_is_let_be_while_it_is_the_same(home: Path, workers: str) -> None:
    name = f"copied{workers}"
    interpreter(home / name)
    copy = site_packages(home / name) / "guarded"
    shutil.copytree(home / "main/src/guarded", copy)

    same = look(home, "main", name, workers, environment=name)
    (copy / "inner.py").write_text("PLACE = __file__  # another\n")
    other = look(home, "main", name, workers, environment=name)

    assert same.of("passed") == {"tests/test_place.py::test_place"}, same.out
    assert other.code == pytest.ExitCode.USAGE_ERROR, other.out
    assert str(copy) in other.out


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_repair_knows_the_packages_of_a_workspace(tmp_path: Path, workers: str) -> None:
    name = "packages/part"
    tree = write(
        tmp_path / "main",
        {
            "pyproject.toml": """
                [tool.pytest.ini_options]
                [tool.uv.workspace]
                members = ["packages/*"]
            """,
            f"{name}/pyproject.toml": "[project]\nname = 'part'\nversion = '1'\n",
            f"{name}/src/guarded/__init__.py": "PLACE = __file__\n",
            f"{name}/tests/conftest.py": "import guarded\n",
            f"{name}/tests/test_place.py": TREE["tests/test_place.py"],
        },
    )
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "all")
    git(tree, "worktree", "add", "-q", "../other", "-b", "other")
    interpreter(tmp_path / "environment")
    installed = {"_part.pth": f"{tree / name / 'src'}\n"}
    write(site_packages(tmp_path / "environment"), installed)

    stopped = look(tmp_path, "other", "main", workers)
    repaired = look(tmp_path, "other", "other", workers, "--guild-import-guard=repair")

    assert stopped.code == pytest.ExitCode.USAGE_ERROR, stopped.out
    assert repaired.of("passed") == {f"{name}/tests/test_place.py::test_place"}, repaired.out
