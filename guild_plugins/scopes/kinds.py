"""What directories and files are called: tests, documentation, CI, tools. Pure tables."""

from __future__ import annotations

import re

TESTS = frozenset(
    {
        "test",
        "tests",
        "unit_tests",
        "unittests",
        "integration_tests",
        "functional_tests",
        "e2e_tests",
        "e2e",
    }
)
TEST_LEVELS = frozenset(
    {"unit", "units", "integration", "functional", "e2e", "system", "regression", "acceptance"}
)
"""Folders inside a tests folder that say how, not what, is tested."""

ASIDE = {
    "docs": frozenset({"doc", "docs", "documentation"}),
    "ci": frozenset({".github", ".gitlab", ".circleci", ".buildkite", ".ci", "ci"}),
    "tools": frozenset({"tools", "scripts", "bin", "dev", "hack"}),
    "examples": frozenset({"example", "examples", "demo", "demos", "samples", "notebooks"}),
    "benchmarks": frozenset({"bench", "benchmark", "benchmarks", "asv_bench", "perf"}),
}
"""Top folders that are no code of the project's own, by the scope they make."""

ASIDE_OF = {name: kind for kind, names in ASIDE.items() for name in names}

USUAL_ROOTS = ("src", "lib", "python")
"""Folders that packages lie in where no build says another."""

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""What lies at the top of a project."""

VENDORED = frozenset({"_vendor", "vendor", "_vendored", "vendored", "third_party", "extern"})
"""Folders that hold copies of other projects: one thing, however large."""

BARRIERS = frozenset(
    {
        "conftest.py",
        "guild.toml",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "Pipfile",
        "Pipfile.lock",
        "conda-lock.yml",
        "environment.yml",
        "package-lock.json",
        "pants.toml",
        "pdm.lock",
        "pixi.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "requirements.txt",
        "pylock.toml",
        "uv.lock",
        "yarn.lock",
    }
)
_REQUIREMENTS = re.compile(r"(requirements|constraints)([-_.].*)?\.(txt|in)\Z")


def is_tests(name: str) -> bool:
    """Say whether a folder of this name holds tests."""
    return name in TESTS


def is_vendored(path: str) -> bool:
    """Say whether a folder is, or lies in, a copy of other projects' code."""
    return not VENDORED.isdisjoint(path.split("/"))


def is_part(name: str) -> bool:
    """Say whether a folder inside a package may be a scope of its own.

    Names that cannot be printed stay with their parent: configuration is text.
    """
    return (
        name not in TESTS
        and name not in ASIDE["benchmarks"]
        and not name.startswith(".")
        and name.isprintable()
    )


def is_test_file(name: str) -> bool:
    """Say whether a file of this name is a test module by pytest's default patterns."""
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def subject_of(name: str) -> str:
    """Return what a test module is about, by its name: ``auth`` for ``test_auth.py``."""
    stem = name.removesuffix(".py")
    return stem.removeprefix("test_") if stem.startswith("test_") else stem.removesuffix("_test")


def is_barrier(name: str) -> bool:
    """Say whether a file of this name in the root is one that everything depends on."""
    return name in BARRIERS or _REQUIREMENTS.match(name) is not None
