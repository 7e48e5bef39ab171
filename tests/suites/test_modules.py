"""Guild's own modules are not rewritten by pytest."""

from pathlib import Path

import pytest

from guild_plugins.suites.modules import AsInstalled
from tests.suites.runs import run, write

CONFTEST = """
    import os, sys, pathlib

    def pytest_sessionfinish():
        ours = {
            name: type(module.__loader__).__name__
            for name, module in sys.modules.items()
            if name.startswith("guild_plugins.")
        }
        # Two are loaded before the switch is known.
        for name in ("guild_plugins.suites.plugin", "guild_plugins.suites.options"):
            ours.pop(name)
        assert len(ours) > 5
        assert set(ours.values()) == {"SourceFileLoader"}
        pathlib.Path("saw-" + os.environ.get("PYTEST_XDIST_WORKER", "main")).touch()
"""


def test_only_this_package_is_found() -> None:
    import guild_plugins.suites as package

    spec = AsInstalled.find_spec("guild_plugins.suites.plan", package.__path__)

    assert spec is not None
    assert type(spec.loader).__name__ == "SourceFileLoader"
    assert AsInstalled.find_spec("guild_plugins_of_another") is None
    assert AsInstalled.find_spec("xdist") is None


def test_no_process_of_a_run_rewrites_them(tmp_path: Path) -> None:
    tree = write(tmp_path, {"conftest.py": CONFTEST, "test_one.py": "def test_it(): pass\n"})

    ended = run(tree, "--guild-scopes", "-n1")

    assert ended.code == pytest.ExitCode.OK
    assert sorted(path.name for path in tree.glob("saw-*")) == ["saw-gw0", "saw-main"]
