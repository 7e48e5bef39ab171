"""What is measured: parts of installed packages' own suites, and made projects."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """A suite that is ready to be run.

    :param args: pytest's arguments that name it.
    :param home: Where its test files lie, and their cached bytecode beside them.
    :param source: What coverage measures.
    """

    cwd: Path
    args: tuple[str, ...]
    home: Path
    source: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite by name.

    :param prepare: Takes an empty directory and makes the suite ready in it.
    :param needs: Packages that must be installed.
    """

    name: str
    about: str
    prepare: Callable[[Path], Layout]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def part_of(package: str, *modules: str) -> Callable[[Path], Layout]:
    """Return what prepares a part of an installed package's own suite."""

    def prepare(folder: Path) -> Layout:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        home = Path(spec.origin).parent
        # An ini-file of its own: else pytest takes that of the project around the environment.
        ini = folder / "pytest.ini"
        ini.write_text("[pytest]\n")
        args = ("-c", str(ini), f"--rootdir={home}", "--pyargs", *modules)
        return Layout(folder, args, home, package)

    return prepare


def monorepo(folder: Path) -> Layout:
    """Make 10 packages with 20 test files each and 6,000 tests, some files far longer than others.

    A test works between 0.1 and 10 ms.
    """
    chance = random.Random(1)
    scopes = [f"p{number:02}" for number in range(10)]
    config = ["[tool.pytest.ini_options]", 'testpaths = ["packages"]']
    for scope in scopes:
        config += [f"[tool.guild.scopes.{scope}]", f'paths = ["packages/{scope}"]']
        code = folder / "packages" / scope / f"{scope}_code.py"
        code.parent.mkdir(parents=True)
        code.write_text("def work(rounds):\n    return sum(n * n % 7 for n in range(rounds))\n")
        for number in range(20):
            rounds = chance.choice((1_000, 2_000, 4_000, 8_000, 100_000))
            tests = code.parent / "tests" / f"test_{scope}_{number:02}.py"
            tests.parent.mkdir(exist_ok=True)
            tests.write_text(_tests(f"from {scope}_code import work", f"work({rounds})"))
        (code.parent / "tests" / "conftest.py").write_text(
            "import sys\nfrom pathlib import Path\n"
            "sys.path.insert(0, str(Path(__file__).parents[1]))\n"
        )
    (folder / "pyproject.toml").write_text("\n".join(config) + "\n")
    return Layout(folder, ("packages",), folder, "packages")


def _tests(head: str, call: str) -> str:
    """Return a file with 10 test functions of 3 parameters each."""
    lines = ["import pytest", head]
    for number in range(10):
        lines += [
            "",
            '@pytest.mark.parametrize("value", [0, 1, 2])',
            f"def test_{number}(value):",
            f"    assert {call} + value >= 0",
        ]
    return "\n".join(lines) + "\n"


def trivial(folder: Path) -> Layout:
    """Make 10,000 empty tests in 100 files."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    for number in range(100):
        body = "".join(f"def test_{test}():\n    pass\n" for test in range(100))
        (folder / f"test_{number:03}.py").write_text(body)
    return Layout(folder, (".",), folder, ".")


def tiny(folder: Path) -> Layout:
    """Make 3 tests in 1 file."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    body = "".join(f"def test_{test}():\n    pass\n" for test in range(3))
    (folder / "test_tiny.py").write_text(body)
    return Layout(folder, (".",), folder, ".")


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            "networkx",
            "networkx.algorithms.tests",
            part_of("networkx", "networkx.algorithms.tests"),
            ("networkx", "numpy"),
        ),
        Suite(
            "sympy",
            "sympy.printing",
            part_of("sympy", "sympy.printing"),
            ("sympy",),
        ),
        Suite(
            "pandas",
            "pandas.tests.dtypes, pandas.tests.series.methods",
            part_of("pandas", "pandas.tests.dtypes", "pandas.tests.series.methods"),
            ("pandas", "hypothesis"),
        ),
        Suite("monorepo", "made: 10 scopes, 200 files, 6,000 tests", monorepo),
        Suite("trivial", "made: 100 files, 10,000 empty tests", trivial),
        Suite("tiny", "made: 1 file, 3 empty tests", tiny),
    )
}
