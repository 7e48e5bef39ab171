"""``--guild-cov``: coverage of a whole run, by scope.

Each process records for itself (see `recorder`); here is what joins them: who
was to send data, whose are missing, and what the summary says. xdist's own
hooks tell of workers, so nothing else need know of this plugin.
"""

from __future__ import annotations

import importlib.machinery
import shutil
import sysconfig
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from coverage import Coverage, process_startup

from guild_plugins.scopes.model import ROOT
from guild_plugins.suites.coverage_report import FORMATS, Combined, CoverageException
from guild_plugins.suites.coverage_table import (
    TOTAL,
    Figures,
    misses,
    parse_floors,
    percent,
    render,
    sum_up,
    whole_of,
)
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.options import early, only_shows
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.recorder import OUTPUT, Measuring, Recorder, signed_off

if TYPE_CHECKING:
    from guild_plugins.suites.kept.covering import Covering

NAME = "guild-coverage"

MAIN = "main"
"""What this process is called among the workers."""


def begin(config: pytest.Config) -> None:
    """Start measuring this process, before conftests are imported.

    :raises pytest.UsageError: Something else measures, or the configuration cannot be used.
    """
    known = config.known_args_namespace
    if _uses_pytest_cov(config) and not getattr(known, "no_cov", False):
        raise pytest.UsageError(
            "--guild-cov and --cov would both measure, and a process can be measured once: leave "
            "one of them out (--no-cov switches off a --cov that stands in addopts)"
        )
    running = Coverage.current()
    if running is not None and running is not getattr(process_startup, "coverage", None):
        raise pytest.UsageError(
            "--guild-cov: this process is measured already, by 'coverage run' or the like; start "
            "pytest without it, a .coverage file is written all the same"
        )
    home = str(Path.cwd())
    source = tuple(early(config, "guild_cov_source") or ()) or _installed(config)
    measuring = Measuring(home, source, tempfile.mkdtemp(prefix="guild-coverage-"))
    recorder = Recorder(measuring, MAIN)
    recorder.start()
    if recorder.trouble:
        shutil.rmtree(measuring.data, ignore_errors=True)
        raise pytest.UsageError(f"--guild-cov: {recorder.trouble}")
    config.add_cleanup(lambda: _leave(recorder))  # where pytest does not get to a session
    config.pluginmanager.register(recorder, "guild-recorder")
    config.pluginmanager.register(CoverageSession(measuring, recorder), NAME)


def _leave(recorder: Recorder) -> None:
    """Stop measuring and leave nothing behind; harmless where that was done."""
    recorder.finish()
    shutil.rmtree(recorder.measuring.data, ignore_errors=True)


def _uses_pytest_cov(config: pytest.Config) -> bool:
    """Tell whether pytest-cov is asked for; it may have begun already, and forgotten by whom."""
    asked = getattr(config.known_args_namespace, "cov_source", None)
    return bool(asked) or config.pluginmanager.hasplugin("_cov")


class CoverageSession:
    """Joins what all processes of a run recorded, and reports it."""

    def __init__(self, measuring: Measuring, recorder: Recorder) -> None:
        self._measuring = measuring
        self._recorder = recorder
        self._combined: Combined | None = None
        self._workers: list[str] = []
        self._crashed: set[str] = set()
        self._is_distributed = False
        self.figures: list[Figures] = []
        """Each scope's coverage, once the run has ended; empty where nothing asked for it."""
        self._scopes: dict[str, str] = {}
        self._text = ""
        self._errors: list[str] = []
        self.covering: Covering | None = None
        """What joins kept coverage with that of this run, where results are kept."""

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Check what is asked for, before anything runs."""
        self._formats: list[str] = config.getoption("guild_cov_report") or ["term"]
        for name in self._formats:
            if name not in FORMATS:
                raise pytest.UsageError(
                    f"--guild-cov-report: {name!r} is none of {', '.join(FORMATS)}"
                )
        if config.option.guild_cache:
            self.covering = self._begin_covering(config)
        try:
            self._floors = parse_floors(config.getoption("guild_cov_fail_under"))
        except ValueError as error:
            raise pytest.UsageError(f"guild_cov_fail_under: {error}") from error

    def _begin_covering(self, config: pytest.Config) -> Covering | None:
        from guild_plugins.git.repository import find_repository
        from guild_plugins.suites.kept.covering import Covering

        repository = find_repository(config.rootpath)
        if repository is None:
            return None
        return Covering(self._measuring, repository.top, self._recorder.context)

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Complete the floors with those of the scopes' own configuration."""
        carrier: Any = session.config.pluginmanager.get_plugin("guild-session")
        self.plan: Plan = carrier.plan
        self._ledger: Ledger = carrier.ledger
        scopes = self.plan.project.scopes
        known = {ROOT, TOTAL, *(scope.id for scope in scopes), *self.plan.scopes}
        unknown = sorted(self._floors.keys() - known)
        if unknown:
            raise pytest.UsageError(
                f"guild_cov_fail_under: no scope is called {unknown[0]!r}; "
                f"there are: {', '.join(sorted(known))}"
            )
        for scope in scopes:
            if scope.fail_under is not None:
                self._floors.setdefault(scope.id, scope.fail_under)

    # -- workers -----------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what to measure."""
        self._is_distributed = True
        node.workerinput["guild"]["coverage"] = self._measuring.to_plain()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Expect data of a worker that came up."""
        self._workers.append(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Note a crash, or take in the data of a worker that shares no directory with us."""
        if error is not None:
            self._crashed.add(node.gateway.id)
        sent = (getattr(node, "workeroutput", None) or {}).get(OUTPUT)
        if sent and self._combined:
            self._combined.add_remote(
                node.gateway.id, sent["home"], sent["data"], sent["trouble"] or ""
            )

    # -- this process ---------------------------------------------------------------

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Put down what a test runs to its scope, where tests run in this process."""
        if self._is_distributed:
            return
        key = nodeid.split("::", 1)[0]
        scope = self._scopes.get(key)
        if scope is None:
            scope = self._scopes[key] = self.plan.owner_of_key(key)
        self._recorder.switch(scope)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Forget the data of the run before."""
        if not only_shows(session.config.option):
            self._combined = Combined(self._measuring)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Join the data when all workers have ended, and hold them against the floors."""
        try:
            return (yield)
        finally:
            self._recorder.finish()
            if self._combined:
                self._report(self._combined)
                if self._errors and session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
            _leave(self._recorder)

    def _report(self, combined: Combined) -> None:
        missing = list(self._missing())
        if combined.floor:
            self._floors.setdefault(TOTAL, combined.floor)
        try:
            if self.covering is not None:
                self.covering.write()
            combined.combine()
            if self._formats == ["none"] and not self._floors:
                self._errors += missing
                return
            self._text = combined.report(self._formats)
        except CoverageException as error:
            self._errors.append(f"no coverage report: {error}")
            self._errors += missing
            return
        precision = combined.precision
        figures = self.figures = sum_up(combined.files(self.plan.owner_of_key))
        self._ledger.coverage = {f.scope: round(f.covered, 2) for f in figures}
        if "none" not in self._formats:
            self._text += "\n" * bool(self._text) + render(figures, self._floors, precision)
        judged = {TOTAL, *self.plan.scopes}
        floors = {name: floor for name, floor in self._floors.items() if name in judged}
        self._errors += missing
        self._errors += [
            f"coverage of {'the whole' if miss.scope == TOTAL else f'scope {miss.scope}'} is "
            f"{percent(miss.covered, max(precision, 2))}, below its floor of {miss.floor:g}%"
            for miss in misses([*figures, whole_of(figures)], floors, precision)
        ]

    def _missing(self) -> Iterator[str]:
        for worker in (MAIN, *self._workers):
            end = signed_off(self._measuring, worker)
            who = "this process" if worker == MAIN else f"worker {worker}"
            if end is None:
                how = "crashed" if worker in self._crashed else "was cut off"
                end = f"{how}, and lines that only its last tests ran are missing"
            if end:
                yield f"coverage is incomplete: {who} {end}"

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the reports, the table, and what is wrong."""
        if not self._text and not self._errors:
            return
        terminalreporter.write_sep("=", "coverage by scope")
        if self._text:
            terminalreporter.write_line(self._text)
        for error in self._errors:
            terminalreporter.write_line(f"ERROR: {error}", red=True, bold=True)


# -- what to measure -------------------------------------------------------------


def _installed(config: pytest.Config) -> tuple[str, ...] | None:
    """Return what is tested where it is installed; None where coverage.py's rules do.

    coverage.py leaves out what lies among installed packages unless it is named.
    """
    named = set(map(str, config.known_args_namespace.file_or_dir or ()))
    as_modules = bool(config.known_args_namespace.pyargs)
    found = {_package_of(config, name, as_modules) for name in named}
    found.add(_below_site(config.rootpath))
    sources = tuple(sorted(source for source in found if source))
    return sources if sources and not _has_source() else None


def _package_of(config: pytest.Config, argument: str, as_modules: bool) -> str | None:
    location = argument.split("::", 1)[0]
    if as_modules:
        top = location.split(".", 1)[0]
        spec = importlib.machinery.PathFinder.find_spec(top) if top.isidentifier() else None
        if spec is not None and spec.origin is not None:
            return top if _below_site(Path(spec.origin)) else None
    return _below_site(config.invocation_params.dir / location)


def _below_site(path: Path) -> str | None:
    """Return the directory of the installed package that holds a path."""
    for name in ("purelib", "platlib"):
        site = Path(sysconfig.get_path(name))
        if path != site and path.is_relative_to(site):
            return str(site / path.relative_to(site).parts[0])
    return None


def _has_source() -> bool:
    """Tell whether the project's configuration says what to measure."""
    configured = Coverage(data_file=None)
    options = ("run:source", "run:source_pkgs", "run:source_dirs", "run:include")
    return any(_option(configured, name) for name in options)


def _option(configured: Coverage, name: str) -> object:
    try:
        return configured.get_option(name)
    except CoverageException:
        return None  # an older coverage.py does not know it
