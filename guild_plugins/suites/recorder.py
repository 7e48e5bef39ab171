"""Measures one process: coverage.py's tracer, with the scope as its context.

The same in a worker, in the process that starts workers and in a run without
any. It starts before pytest does, so that what conftests and packages run at
import counts too. coverage.py is imported when a recorder starts, not before.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest

from guild_plugins.suites.tracing import lighten

if TYPE_CHECKING:
    from coverage import Coverage

SAVE_SECONDS = 5.0
"""What a crash may cost: the data of so many seconds, and of the file that runs."""

DATA = "data"
"""What the names of data files start with."""

OUTPUT = "guild_coverage"
"""Under which key a worker that shares no directory with us sends its data."""

QUIET = (
    "no-data-collected",
    "module-not-imported",
    "module-not-measured",
    "no-sysmon-context",
    "dynamic-conflict",
)
"""Warnings of coverage.py that say nothing in a process that runs a part of the tests."""


RECORDED = (
    "branch",
    "concurrency",
    "context",
    "core",
    "cover_pylib",
    "include",
    "omit",
    "patch",
    "plugins",
    "relative_files",
    "source",
    "source_dirs",
    "source_pkgs",
    "timid",
)
"""Options of coverage.py that decide what is recorded."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is measured and where the data go: the same in all processes of a run.

    :param home: Where relative paths of coverage.py's configuration start.
    :param source: What to measure; None for what the configuration says.
    :param data: The directory for data files; those of a worker elsewhere are sent.
    """

    home: str
    source: tuple[str, ...] | None
    data: str

    def to_plain(self) -> dict[str, Any]:
        """Return it as a value that travels to a worker."""
        return asdict(self) | {"source": None if self.source is None else list(self.source)}

    @classmethod
    def from_plain(cls, value: dict[str, Any]) -> Self:
        """Rebuild what ``to_plain`` returned."""
        source = value["source"]
        return cls(**(value | {"source": None if source is None else tuple(source)}))


class Recorder:
    """Runs the tracer of this process. ``trouble`` says why it does not."""

    running: ClassVar[Recorder | None] = None
    """The one of this process: there are never two."""

    def __init__(self, measuring: Measuring, worker: str) -> None:
        self.measuring = measuring
        self.worker = worker
        self.trouble: str | None = None
        self._coverage: Coverage | None = None
        self._away: str | None = None
        self._scope = self._label = ""
        self._saved_at = 0.0
        self._has_events = False

    def start(self) -> None:
        """Start measuring; a failure is kept in ``trouble``."""
        Recorder.running = self
        try:
            from coverage import Coverage, CoverageException
        except ImportError:
            self.trouble = f"has no coverage.py in {sys.executable}"
            return
        other = Coverage.current()
        if other is not None:
            other.stop()  # started for subprocesses by an environment variable
        directory = self.measuring.data
        if not Path(directory).is_dir():
            directory = self._away = tempfile.mkdtemp(prefix="guild-coverage-")
        try:
            with working_in(self.measuring.home):
                measure = Coverage(
                    data_file=str(Path(directory, DATA)),
                    data_suffix=True,
                    source=self.measuring.source,
                )
                ignore_warnings(measure, QUIET)
                measure.set_option("run:dynamic_context", "none")  # contexts are scopes here
                measure.start()
                lighten(measure)
        except CoverageException as error:
            self.trouble = str(error)
            return
        self._coverage = measure
        self._has_events = _uses_monitoring()
        self._saved_at = time.perf_counter()

    @property
    def context(self) -> str:
        """The project's own context, which coverage.py writes before each of ours."""
        said = self._coverage.get_option("run:context") if self._coverage is not None else None
        return str(said or "")

    def switch(self, scope: str) -> None:
        """Put down what runs from now on to a scope."""
        self._put_down_to(scope, self._label)

    def label(self, label: str) -> None:
        """Put down what runs from now on to a label instead of its scope; to none again if empty.

        Whoever labels has to say what scopes the labels stand for (see `kept.covering`).
        """
        self._put_down_to(self._scope, label)

    def _put_down_to(self, scope: str, label: str) -> None:
        before = self._label or self._scope
        self._scope, self._label = scope, label
        if (label or scope) != before:
            self._write()
            if self._has_events:
                sys.monitoring.restart_events()  # type: ignore[attr-defined, unused-ignore]

    def how(self) -> str:
        """Say in a line how this process is measured: what is measured otherwise cannot be joined.

        Empty where nothing measures.
        """
        if self._coverage is None:
            return ""
        from coverage import CoverageException, __version__

        said = [f"coverage {__version__}", f"source {self.measuring.source}"]
        for name in RECORDED:
            try:
                said.append(f"{name} {self._coverage.get_option(f'run:{name}')}")
            except CoverageException:
                continue  # an older coverage.py does not know it
        return "; ".join(said)

    def save_if_due(self) -> None:
        """Save now and then, so that a crash does not take everything along."""
        if time.perf_counter() - self._saved_at > SAVE_SECONDS:
            self._write()

    def _write(self) -> None:
        """Move what was traced so far to the data file."""
        if self._coverage is None:
            return
        from coverage import CoverageException

        try:
            self._coverage.switch_context(self._label or self._scope)
        except CoverageException as error:
            self._give_up(error)
        self._saved_at = time.perf_counter()

    def _give_up(self, error: Exception) -> None:
        measure, self._coverage = self._coverage, None
        self.trouble = f"could not write its data: {error}"
        if measure is not None:
            measure.stop()

    def finish(self) -> bytes | None:
        """Stop and save; return the data where no directory is shared with the controller."""
        if Recorder.running is not self:
            return None
        Recorder.running = None
        measure, self._coverage = self._coverage, None
        sent = None
        if measure is not None:
            measure.stop()
            try:
                with working_in(self.measuring.home):
                    sent = self._save(measure)
            except Exception as error:  # noqa: BLE001 - told in the summary; tests go on
                self.trouble = f"could not write its data: {error}"
        if self._away is not None:
            shutil.rmtree(self._away, ignore_errors=True)
        else:
            sign_off(self.measuring, self.worker, self.trouble)
        return sent

    def _save(self, measure: Coverage) -> bytes | None:
        measure.save()
        if self._away is None:
            return None
        measure.combine(data_files(self._away))  # with what subprocesses left there
        return measure.get_data().dumps()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Measure until the last test is torn down, or the run is broken off."""
        try:
            return (yield)
        finally:
            sent = self.finish()
            output = getattr(session.config, "workeroutput", None)
            if output is not None and sent is not None:
                output[OUTPUT] = {"home": str(Path.cwd()), "data": sent, "trouble": self.trouble}


def data_files(directory: str) -> list[str]:
    """Return the data files of all processes, subprocesses' included."""
    found = Path(directory).glob(f"{DATA}.*")
    return sorted(str(file) for file in found if not file.name.endswith("-journal"))


def sign_off(measuring: Measuring, worker: str, trouble: str | None) -> None:
    """Note beside the data that a worker's are complete, or why they are not."""
    Path(measuring.data, f"end-{worker}").write_text(trouble or "", encoding="utf-8")


def signed_off(measuring: Measuring, worker: str) -> str | None:
    """Return what a worker noted at its end: nothing if all is well; None if it did not end."""
    try:
        return Path(measuring.data, f"end-{worker}").read_text(encoding="utf-8")
    except OSError:
        return None


def ignore_warnings(measure: Coverage, slugs: tuple[str, ...]) -> None:
    """Silence some of coverage.py's warnings, beside those that the project silences."""
    known = measure.get_option("run:disable_warnings")
    kept = known if isinstance(known, list) else []
    measure.set_option("run:disable_warnings", [*kept, *slugs])


@contextmanager
def working_in(directory: str) -> Iterator[None]:
    """Change to a directory for a while, if it is there."""
    here = os.getcwd()  # noqa: PTH109 - given back as it was
    if os.path.isdir(directory):  # noqa: PTH112
        os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(here)


def _uses_monitoring() -> bool:
    """Tell whether lines come as events, each of which is told once until they are restarted."""
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(
        monitoring.get_tool(number) == "coverage.py" for number in range(6)
    )
