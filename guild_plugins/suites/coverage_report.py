"""Data of all processes made one: the ``.coverage`` file, reports, figures by scope.

coverage.py parses every source file anew for each report that is drawn, which
for a large project takes longer than its tests. Here a file is analysed once.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from coverage import Coverage, CoverageData, CoverageException

from guild_plugins.suites.coverage_table import Measured
from guild_plugins.suites.recorder import (
    DATA,
    Measuring,
    data_files,
    ignore_warnings,
    sign_off,
    working_in,
)

TEXTS = ("term", "term-missing")
FORMATS = (*TEXTS, "xml", "html", "json", "lcov", "none")

_PLACES = {
    "xml": "xml:output",
    "html": "html:directory",
    "json": "json:output",
    "lcov": "lcov:output",
}
_TITLES = {"xml": "XML", "html": "HTML", "json": "JSON", "lcov": "LCOV"}


class OnceAnalysed(Coverage):
    """Coverage that analyses each file once, and keeps what its contexts say."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._analyses: dict[str, Any] = {}
        self.files: dict[str, Measured] = {}

    def _analyze(self, morf: Any, *args: Any, **named: Any) -> Any:
        if not isinstance(morf, str):
            return super()._analyze(morf, *args, **named)
        analysis = self._analyses.get(morf)
        if analysis is None:
            analysis = self._analyses[morf] = super()._analyze(morf, *args, **named)
            given = args[0] if args else named.get("file_reporter")
            reporter = given or self._get_file_reporter(morf)
            self.files[morf] = _measured(self.get_data(), morf, analysis, reporter)
        return analysis


def _measured(data: CoverageData, file: str, analysis: Any, reporter: Any) -> Measured:
    """Return what is known of a file, without its scope."""
    by_scope: dict[str, set[int]] = {}
    inside: set[int] = set()
    statements, executed = analysis.statements, analysis.executed
    if executed:
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                by_scope.setdefault(_scope_in(context), set()).add(line)
        by_scope.pop("", None)
        by_scope = {
            name: reporter.translate_lines(lines) & statements for name, lines in by_scope.items()
        }
        if file.endswith(".py"):
            for region in reporter.code_regions():
                if region.kind == "function":
                    inside |= region.lines
            inside &= statements
        else:
            inside = set(statements)  # what a file tracer measures is not imported
    numbers = analysis.numbers
    return Measured(
        scope="",
        statements=statements,
        executed=executed,
        inside=inside,
        by_scope=by_scope,
        branches=numbers.n_branches,
        missing_branches=numbers.n_missing_branches,
    )


def _scope_in(context: str) -> str:
    """Return the scope's name; a static context of the project's stands before it."""
    return context.rpartition("|")[2]


class Combined:
    """The data of one run, from the moment when the former run's are erased."""

    def __init__(self, measuring: Measuring) -> None:
        self._measuring = measuring
        self._remote_homes: list[str] = []
        with working_in(measuring.home):
            self.coverage = OnceAnalysed(data_suffix=False, source=measuring.source)
            ignore_warnings(self.coverage, ("no-data-collected",))
            path = Path(str(self.coverage.get_option("run:data_file")))
            self.path = Path(measuring.home, path)
            self.coverage.erase()
        self._old = set(self._parallel())

    @property
    def precision(self) -> int:
        """Digits after the point, as the project configured."""
        value = self.coverage.get_option("report:precision")
        return int(value) if isinstance(value, int | float | str) else 0

    @property
    def floor(self) -> float:
        """The floor for the whole, as the project configured; 0 for none."""
        value = self.coverage.get_option("report:fail_under")
        return float(value) if isinstance(value, int | float | str) else 0.0

    def _parallel(self) -> list[Path]:
        """Return data files that other processes put beside the combined one."""
        return [
            file
            for file in self.path.parent.glob(f"{self.path.name}.*")
            if not file.name.endswith("-journal")
        ]

    def add_remote(self, worker: str, home: str, data: bytes, trouble: str) -> None:
        """Take in what a worker on another machine sent."""
        received = CoverageData(basename=str(Path(self._measuring.data, DATA)), suffix=worker)
        received.loads(data)
        received.close()
        self._remote_homes.append(home)
        sign_off(self._measuring, worker, trouble)

    def combine(self) -> None:
        """Make one file of all, at the usual place."""
        new = [str(file) for file in self._parallel() if file not in self._old]
        with working_in(self._measuring.home):
            if self._remote_homes:
                paths: Any = self.coverage.get_option("paths") or {}
                ours = [self._measuring.home, *self._remote_homes]
                self.coverage.set_option("paths", {**paths, "guild": ours})
            files = [*data_files(self._measuring.data), *new]
            if files:  # with none, coverage.py would look for some itself
                self.coverage.combine(files)
            self.coverage.save()

    def report(self, formats: Sequence[str]) -> str:
        """Write the reports; return what is to be printed.

        :raises CoverageException: There is nothing to report.
        """
        said = StringIO()
        with working_in(self._measuring.home), _uncollected():
            texts = [name for name in formats if name in TEXTS]
            self.coverage.report(
                show_missing="term-missing" in texts or None,
                ignore_errors=True,
                file=said if texts else StringIO(),
            )
            writers: dict[str, Callable[..., float]] = {
                "xml": self.coverage.xml_report,
                "html": self.coverage.html_report,
                "json": self.coverage.json_report,
                "lcov": self.coverage.lcov_report,
            }
            for name in dict.fromkeys(formats):
                if name in writers:
                    writers[name](ignore_errors=True)
                    place = self.coverage.get_option(_PLACES[name])
                    said.write(f"Coverage {_TITLES[name]} written to {place}\n")
        return said.getvalue()

    def files(self, owner: Callable[[str], str]) -> Iterable[Measured]:
        """Return the reported files, each with its scope."""
        home = Path(self._measuring.home)
        for file, measured in self.coverage.files.items():
            yield Measured(
                owner(str(home / file)),
                measured.statements,
                measured.executed,
                measured.inside,
                measured.by_scope,
                measured.branches,
                measured.missing_branches,
            )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Switch the garbage collector off: syntax trees hold no circles, and a quarter of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


__all__ = ["FORMATS", "Combined", "CoverageException"]
