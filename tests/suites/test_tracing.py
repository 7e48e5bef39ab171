"""The tracer's lock: left out while one thread is traced, there as soon as there are two."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from coverage import CoverageData

MEASURED = """\
import threading


def alone():
    return 1


def beside():
    return 2


def both():
    alone()
    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    return alone()
"""

SCRIPT = """\
import sys
from coverage import Coverage
from guild_plugins.suites.tracing import lighten

sys.path.insert(0, sys.argv[1])
measure = Coverage(data_file="data", include=["measured.py"])
measure.start()
first = measure._collector.tracers[0]
lock = first.lock_data, first.unlock_data
if "light" in sys.argv:
    lighten(measure)
    assert first.lock_data != lock[0], "the lock is still taken"
import measured
measured.alone()
if "light" in sys.argv:
    assert first.lock_data != lock[0], "no other thread was there"
measured.both()
assert (first.lock_data, first.unlock_data) == lock, "two threads, and no lock"
measure.stop()
measure.save()
"""


def _measure(directory: Path, *how: str) -> dict[str, list[int] | None]:
    directory.joinpath("measured.py").write_text(MEASURED)
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(directory), *how],
        cwd=directory,
        env=os.environ | {"COVERAGE_CORE": "ctrace"},
        check=True,
    )
    data = CoverageData(str(directory / "data"))
    data.read()
    return {Path(name).name: sorted(data.lines(name) or ()) for name in data.measured_files()}


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="a tracer in C")
def test_the_lock_is_there_for_a_second_thread_and_no_line_is_lost(tmp_path: Path) -> None:
    found = _measure(tmp_path, "light")

    assert found == _measure(tmp_path)
    assert found["measured.py"]
