"""The report for scripts: one JSON file that says what a run did.

``report.schema.json`` beside this module describes it. A field may be added
within one version; a change of meaning makes a new one. The file appears whole or
not at all, and also where the run failed or was interrupted.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import guild_plugins
from guild_plugins.suites.failures import Failure
from guild_plugins.suites.ledger import Account, Ledger, WorkerAccount
from guild_plugins.suites.plan import Plan

VERSION: Final = 1

OUTCOMES: Final = (
    "passed",
    "failed",
    "error",
    "skipped",
    "xfailed",
    "xpassed",
    "crashed",
    "cached",
)
"""Counts that are always there; pytest's other categories are under ``other``."""


def report(
    plan: Plan,
    ledger: Ledger,
    failures: list[Failure],
    *,
    exit_status: int,
    interrupted: str | None,
    shard: str | None,
) -> dict[str, Any]:
    """Return the whole report as plain data."""
    accounts = [ledger.scopes[name] for name in sorted(ledger.scopes)]
    first = ledger.first_test_at
    return {
        "format": "guild-report",
        "version": VERSION,
        "versions": versions(),
        "exit_status": exit_status,
        "interrupted": interrupted,
        "shard": shard,
        "totals": _totals(accounts, ledger),
        "time_to_first_test_s": None if first is None else _rounded(first - ledger.started_at),
        "steals": ledger.steals,
        "scopes": [_scope(account, ledger.coverage) for account in accounts],
        "workers": [_worker(worker, ledger.started_at) for worker in ledger.workers.values()],
        "failures": [failure.as_data() for failure in failures],
        "kept": ledger.kept,
        "notes": list(plan.notes),
    }


def versions() -> dict[str, str | None]:
    """Return the versions of what took part."""
    return {
        "guild": guild_plugins.__version__,
        "pytest": pytest.__version__,
        "xdist": _xdist_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the report in one step; its directory is made if need be.

    :raises OSError: It cannot be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _totals(accounts: list[Account], ledger: Ledger) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for account in accounts:
        counts.update(account.counts)
    return {
        "scopes": len(accounts),
        "files": sum(account.files for account in accounts),
        "collected": sum(account.collected for account in accounts),
        "deselected": ledger.deselected,
        "tests": sum(account.tests for account in accounts),
        **_counts(counts),
        "not_run": sum(account.not_run.total() for account in accounts),
        "not_run_files": sum(account.not_run_files.total() for account in accounts),
        "wall_s": _rounded(ledger.ended_at - ledger.started_at),
        "worker_s": _rounded(sum(account.worker_s for account in accounts)),
    }


def _scope(account: Account, coverage: Mapping[str, float]) -> dict[str, Any]:
    why = sorted({*account.not_run, *account.not_run_files})
    return {
        "name": account.scope,
        "outcome": account.outcome,
        "files": account.files,
        "collected": account.collected,
        "tests": account.tests,
        **_counts(account.counts),
        "not_run": account.not_run.total(),
        "not_run_files": account.not_run_files.total(),
        "not_run_reasons": [
            {
                "reason": reason,
                "tests": account.not_run[reason],
                "files": account.not_run_files[reason],
            }
            for reason in why
        ],
        "stopped": account.stopped,
        "wall_s": _rounded(account.wall_s),
        "worker_s": _rounded(account.worker_s),
        "steals": account.steals,
        "crashes": account.crashes,
        "coverage": coverage.get(account.scope),
    }


def _counts(counts: Mapping[str, int]) -> dict[str, Any]:
    known: dict[str, Any] = {name: counts.get(name, 0) for name in OUTCOMES}
    other = {n: counts[n] for n in sorted(counts) if n not in OUTCOMES and counts[n]}
    return {**known, "other": other}


def _worker(worker: WorkerAccount, started_at: float) -> dict[str, Any]:
    ready = worker.ready_at
    return {
        "id": worker.id,
        "collected": worker.collected,
        "ran": worker.ran,
        "busy_s": _rounded(worker.busy_s),
        "idle_s": _rounded(worker.idle_s),
        "ready_s": None if ready is None else _rounded(ready - started_at),
        "end": worker.end,
    }


def _xdist_version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pytest-xdist")
    except PackageNotFoundError:
        return None


def _rounded(value: float) -> float:
    return round(max(value, 0.0), 4)
