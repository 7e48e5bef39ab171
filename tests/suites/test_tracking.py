"""Notes of what tests read."""

from __future__ import annotations

from pathlib import Path

from guild_plugins.suites.kept.tracking import Tracker, read


def test_variables_of_shells_and_of_runs_are_no_input(tmp_path: Path) -> None:
    tracker = Tracker(str(tmp_path))
    tracker._handlers["import"] = lambda arguments: None  # as while it takes notes
    code = compile("for name in names:\n    hear(name)\n", str(tmp_path / "test_it.py"), "exec")

    names = ("_", "SHLVL", "PYTEST_CURRENT_TEST", "GUILD_STORE", "MODE", "_MODE")
    exec(code, {"hear": tracker._variable, "names": names})

    assert [what for _, _, what in read(tracker.observed())["notes"]] == ["MODE", "_MODE"]
