"""What is done once a run has ended: durations kept, the report written, failures annotated."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from guild_plugins.suites import durations, github, results
from guild_plugins.suites.failures import Failures
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.options import only_shows
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.progress import register as register_progress
from guild_plugins.suites.summary import Summary
from guild_plugins.suites.words import seconds


def register(config: pytest.Config, plan: Plan, ledger: Ledger) -> Callable[[], None] | None:
    """Register all that tells of a run; return what keeps the progress fresh, if anything."""
    manager = config.pluginmanager
    failures = Failures(config.rootpath)
    manager.register(failures, "guild-failures")
    manager.register(Summary(plan, ledger), "guild-summary")
    closing = Closing(config, plan, ledger, failures)
    manager.register(closing, "guild-closing")
    manager.register(Reporting(closing), "guild-reporting")
    progress = register_progress(config, plan, ledger)
    return progress.refresh if progress else None


class Closing:
    """Does what is left to do when all workers are gone, however the run went."""

    def __init__(
        self, config: pytest.Config, plan: Plan, ledger: Ledger, failures: Failures
    ) -> None:
        self._config = config
        self._plan = plan
        self._ledger = ledger
        self._failures = failures
        self._interrupted: str | None = None

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep why the run was broken off."""
        self._interrupted = str(excinfo.value) or "interrupted"

    @pytest.hookimpl
    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep why the run was broken off."""
        lines = str(excrepr).strip().splitlines()
        self._interrupted = f"internal error: {lines[-1]}" if lines else "internal error"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Complete the accounts, and keep durations."""
        if only_shows(self._config.option):
            return
        if not self._ledger.ended_at:
            self._ledger.ended_at = time.perf_counter()
        self._interrupted = self._interrupted or _why_stopped(session)
        complete = complete_files(self._plan, self._ledger)
        self._write_off()
        if not self._config.option.guild_shard:
            # Else the next part would be cut from another division than this one.
            durations.save(self._plan.durations_path, complete, self._ledger.share)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Annotate."""
        if github.is_here(os.environ) and not only_shows(self._config.option):
            for line in self._annotations():
                terminalreporter.write_line(line)

    def report(self, exit_status: int) -> None:
        """Write what is for others than this terminal."""
        if only_shows(self._config.option):
            return
        self._write_report(exit_status)
        if github.is_here(os.environ):
            github.append_summary(os.environ.get("GITHUB_STEP_SUMMARY"), self._step_summary())
            if not self._config.pluginmanager.has_plugin("terminalreporter"):
                sys.stdout.write("".join(f"{line}\n" for line in self._annotations()))

    def _write_off(self) -> None:
        """Account for the files of which nobody has told an end."""
        for work in self._plan.works:
            while self._ledger.is_unfinished(work.unit.id):
                account = self._ledger.scope(work.unit.scope)
                reason = account.stopped or self._interrupted or "the run ended before"
                account.not_run_files[reason] += len(work.files)
                self._ledger.end_piece(work.unit.id)

    def _write_report(self, exit_status: int) -> None:
        given = self._config.option.guild_report
        if not given:
            return
        path = self._config.invocation_params.dir / Path(os.path.expandvars(given)).expanduser()
        try:
            results.write(path, self._report(exit_status))
        except OSError as error:
            sys.stderr.write(f"The report could not be written to {path}: {error.strerror}\n")

    def _report(self, exit_status: int) -> dict[str, Any]:
        return results.report(
            self._plan,
            self._ledger,
            self._failures.all,
            exit_status=exit_status,
            interrupted=self._interrupted,
            shard=self._config.option.guild_shard,
        )

    def _annotations(self) -> list[str]:
        if any(map(self._config.pluginmanager.has_plugin, github.ANNOTATORS)):
            return []
        return github.error_lines(
            self._failures.all, self._config.rootpath, os.environ.get("GITHUB_WORKSPACE")
        )

    def _step_summary(self) -> str:
        return github.step_summary(
            self._ledger.scopes.values(),
            self._ledger.coverage,
            seconds(self._ledger.ended_at - self._ledger.started_at),
            self._config.option.guild_shard,
        )


class Reporting:
    """Reports when all others are done with the session: coverage, floors, pytest's summary."""

    def __init__(self, closing: Closing) -> None:
        self._closing = closing

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int
    ) -> Generator[None, object, object]:
        """Report, whatever the others came to."""
        try:
            return (yield)
        finally:
            self._closing.report(int(getattr(session, "exitstatus", exitstatus)))


def _why_stopped(session: pytest.Session) -> str | None:
    stop = session.shouldfail or session.shouldstop
    return str(stop) if stop else None


def complete_files(plan: Plan, ledger: Ledger) -> dict[str, float]:
    """Return what each file took, of those files whose tests all ran.

    A selection of tests, an early end or a crash must not make a file look short.
    """
    left_out = set(ledger.partial_files)
    for work in plan.works:
        target = plan.pools[work.unit.pool].targets[work.target]
        if ledger.is_unfinished(work.unit.id) or target.names:
            left_out.update(work.keys)
    return {file: spent for file, spent in ledger.file_seconds.items() if file not in left_out}
