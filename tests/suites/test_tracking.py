"""Notes of what tests read."""

from __future__ import annotations

import subprocess
from pathlib import Path

from guild_plugins.suites.kept.tracking import ANY, Tracker, read


def test_variables_of_shells_and_of_runs_are_no_input(tmp_path: Path) -> None:
    tracker = Tracker(str(tmp_path))
    tracker._handlers["import"] = lambda arguments: None  # as while it takes notes
    code = compile("for name in names:\n    hear(name)\n", str(tmp_path / "test_it.py"), "exec")

    names = ("_", "SHLVL", "OLDPWD", "PYTEST_CURRENT_TEST", "GUILD_STORE", "MODE", "_MODE")
    exec(code, {"hear": tracker._variable, "names": names})

    assert [what for _, _, what in read(tracker.observed())["notes"]] == ["MODE", "_MODE"]


def test_a_process_that_is_left_behind_counts_until_it_has_ended(tmp_path: Path) -> None:
    tracker = Tracker(str(tmp_path))
    paths = [str(tmp_path / f"test_{name}.py") for name in ("starts", "beside", "after")]
    start = compile("hear('escape', 'started a process')", paths[0], "exec")

    tracker.begin(paths[0])
    with subprocess.Popen(["sleep", "60"]) as process:
        exec(start, {"hear": lambda *note: tracker._note(*note)})
        tracker.end(None)
        tracker.begin(paths[1])
        tracker.end(None)
        assert tracker._has_left_a_process()
        process.kill()
    tracker.begin(paths[2])
    tracker.end(None)

    assert not tracker._has_left_a_process()
    assert [note for note in read(tracker.observed())["notes"] if note[0] == ANY] == [
        [ANY, "escape", "ran beside a process that an earlier test left behind"]
    ]
