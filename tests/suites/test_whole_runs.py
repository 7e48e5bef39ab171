"""What users rely on, once through: real processes, real workers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.suites.runs import run, write

FAULTS = {
    "pytest.ini": "[pytest]\n",
    "a/test_exit.py": """
        import os, pytest
        @pytest.mark.parametrize("i", range(20))
        def test_before(i): pass
        def test_exit(): os._exit(3)
        @pytest.mark.parametrize("i", range(5))
        def test_after(i): pass
    """,
    "a/test_import.py": "import os\nos._exit(1)\n",
    "b/test_signals.py": """
        import os, signal
        def test_one(): pass
        def test_kill(): os.kill(os.getpid(), signal.SIGKILL)
        def test_two(): pass
        def test_last(): os.kill(os.getpid(), signal.SIGSEGV)
    """,
    "b/test_fails.py": """
        def test_fine(): pass
        def test_wrong(): assert 0
    """,
    "c/conftest.py": "raise RuntimeError('no conftest')\n",
    "c/test_c.py": "def test_c(): pass\n",
    "d/test_error.py": "import no_such_module\n",
    "d/test_d.py": "def test_d(): pass\n",
}


@pytest.mark.parametrize("workers", [1, 3])
def test_each_fault_is_named_and_every_other_test_runs(tmp_path: Path, workers: int) -> None:
    tree = write(tmp_path, FAULTS)

    ended = run(tree, "--guild-scopes", f"-n{workers}")

    passed = {f"a/test_exit.py::test_before[{i}]" for i in range(20)}
    passed |= {f"a/test_exit.py::test_after[{i}]" for i in range(5)}
    passed |= {"b/test_signals.py::test_one", "b/test_signals.py::test_two"}
    passed |= {"b/test_fails.py::test_fine", "d/test_d.py::test_d"}
    assert ended.of("passed") == passed
    assert ended.of("failed") == {
        "a/test_exit.py::test_exit",
        "b/test_signals.py::test_kill",
        "b/test_signals.py::test_last",
        "b/test_fails.py::test_wrong",
    }
    assert {node for node, _ in ended.files} == {"a/test_import.py", "c", "d/test_error.py"}
    assert set(ended.outcomes.values()) == {1}
    assert ended.code == pytest.ExitCode.TESTS_FAILED


def test_a_hanging_test_ends_with_its_scope(tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "guild.toml": """
                [scopes.slow]
                paths = ["slow"]
                [scopes.quick]
                paths = ["quick"]
            """,
            "slow/test_slow.py": """
                import time
                def test_first(): pass
                def test_hangs(): time.sleep(600)
                def test_next(): pass
                def test_last(): pass
            """,
            "slow/test_slower.py": "def test_never(): pass\n",
            "quick/test_quick.py": "def test_quick(): pass\n",
        },
    )

    ended = run(tree, "--guild-scopes", "-n2", "--guild-scope-timeout=2")

    assert ended.of("passed") == {
        "quick/test_quick.py::test_quick",
        "slow/test_slow.py::test_first",
    }
    assert ended.of("failed") == {"slow/test_slow.py::test_hangs"}
    assert "not run: 2 tests and 1 file of slow: scope slow ran longer than 2 s" in ended.out


def _member(name: str) -> dict[str, str]:
    home = f"packages/{name}"
    return {
        f"{home}/pyproject.toml": f"""
            [project]
            name = "shop-{name}"
            version = "1"
            [tool.pytest.ini_options]
            pythonpath = ["src"]
        """,
        f"{home}/src/shop_{name}/__init__.py": f"NAME = '{name}'\n",
        f"{home}/tests/__init__.py": "",
        f"{home}/tests/helper.py": f"NAME = '{name}'\n",
        f"{home}/tests/conftest.py": f"""
            import pytest
            @pytest.fixture
            def name(): return '{name}'
        """,
        f"{home}/tests/test_core.py": f"""
            import os
            import shop_{name}
            from tests import helper
            def test_name(name): assert name == shop_{name}.NAME == helper.NAME
            def test_place(): assert os.path.basename(os.getcwd()) == name_of_folder
            name_of_folder = '{name}'
        """,
    }


@pytest.mark.parametrize("workers", [0, 3])
def test_clashing_packages_run_in_one_command(tmp_path: Path, workers: int) -> None:
    files = {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n"}
    for name in ("auth", "core", "web"):
        files |= _member(name)
    tree = write(tmp_path, files)

    alone = run(tree)
    ended = run(tree, "--guild-scopes", f"-n{workers}")

    assert alone.code == pytest.ExitCode.INTERRUPTED
    assert ended.of("passed") == {
        f"packages/{name}/tests/test_core.py::{test}"
        for name in ("auth", "core", "web")
        for test in ("test_name", "test_place")
    }
    assert ended.code == pytest.ExitCode.OK


def _git(folder: Path, *args: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a second worktree, and an environment that has the first installed."""
    home = tmp_path_factory.mktemp("checkouts")
    main = write(
        home / "main",
        {
            "pyproject.toml": """
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
                [project]
                name = "guarded"
                version = "1"
                [tool.hatch.build.targets.wheel]
                packages = ["src/guarded"]
            """,
            "src/guarded/__init__.py": "PLACE = __file__\n",
            "tests/test_place.py": "import guarded\ndef test_place(): assert guarded.PLACE\n",
        },
    )
    _git(main, "init", "-q")
    _git(main, "add", "-A")
    _git(main, "commit", "-qm", "all")
    _git(main, "worktree", "add", "-q", "../other", "-b", "other")
    # What an editable installation leaves behind: a directory for sys.path.
    write(
        home / "site", {"sitecustomize.py": f"import sys\nsys.path.append({str(main / 'src')!r})\n"}
    )
    return home


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worktree_that_would_test_the_other_checkout_is_stopped(
    checkouts: Path, workers: int
) -> None:
    env = {"PYTHONPATH": f"{Path(__file__).parent / 'beside'}:{checkouts / 'site'}"}

    ended = run(checkouts / "other", "--guild-scopes", f"-n{workers}", env=env)

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert str(checkouts / "main/src/guarded/__init__.py") in ended.out
    assert str(checkouts / "other/src/guarded/__init__.py") in ended.out
    assert "guild_import_guard" in ended.out
    assert not ended.of("passed")


def test_the_first_checkout_itself_runs(checkouts: Path) -> None:
    env = {"PYTHONPATH": f"{Path(__file__).parent / 'beside'}:{checkouts / 'site'}"}

    ended = run(checkouts / "main", "--guild-scopes", "-n2", env=env)

    assert ended.of("passed") == {"tests/test_place.py::test_place"}


@pytest.mark.parametrize("workers", [0, 2])
def test_repair_puts_the_tree_first(checkouts: Path, workers: int) -> None:
    env = {"PYTHONPATH": f"{Path(__file__).parent / 'beside'}:{checkouts / 'site'}"}
    options = ("--guild-scopes", f"-n{workers}", "--guild-import-guard=repair")

    ended = run(checkouts / "other", *options, env=env)

    assert ended.of("passed") == {"tests/test_place.py::test_place"}


def test_plain_pytest_is_left_alone(tmp_path: Path) -> None:
    tree = write(tmp_path, {"pytest.ini": "[pytest]\n", "test_one.py": "def test_one(): pass\n"})

    ended = run(tree)

    assert ended.code == pytest.ExitCode.OK
    assert "= scopes =" not in ended.out
