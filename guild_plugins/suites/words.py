"""How counts, times and reasons are put into words, everywhere the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from guild_plugins.suites.ledger import Account

ORDER = ("crashed", "failed", "error", "passed", "skipped", "xfailed", "xpassed", "cached")


def number(value: int) -> str:
    """Return a number with thousands set apart."""
    return f"{value:,}"


def seconds(value: float) -> str:
    """Return a duration as a person would say it."""
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def things(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 file``, ``1,200 files``."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def counted(counts: Mapping[str, int]) -> str:
    """Return the outcomes that there are: ``2 failed, 1,208 passed``."""
    names = [*ORDER, *sorted(set(counts) - set(ORDER))]
    said = [
        f"{number(counts[name])} {name}{'s' if name == 'error' and counts[name] > 1 else ''}"
        for name in names
        if counts.get(name)
    ]
    return ", ".join(said)


def outcome(account: Account) -> str:
    """Return what became of a scope: ``passed`` or what kept it from passing."""
    bad = {name: account.counts[name] for name in ("crashed", "failed", "error")}
    said = [counted(bad)] if any(bad.values()) else []
    left = not_run(account)
    if left:
        said.append(f"{left} not run")
    if said:
        return ", ".join(said)
    if account.cached and account.cached == account.counts.total():
        return "cached"
    return {"empty": "no tests", "not run": "not run"}.get(account.outcome, "passed")


def not_run(account: Account) -> str:
    """Return how much did not run; empty where all did."""
    return amount(account.not_run.total(), account.not_run_files.total())


def amount(tests: int, files: int) -> str:
    """Return a number of tests, and of files whose tests nobody has counted."""
    said = [things(tests, "test")] if tests else []
    if files:
        said.append(things(files, "file"))
    return " and ".join(said)


def printable(text: str) -> str:
    """Return a text that cannot steer a terminal: names come from the tree under test."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shortened(text: str, width: int) -> str:
    """Return a text cut to a width."""
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the first line of why something failed."""
    longrepr: Any = report.longrepr
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        text = str(crash.message)
    elif isinstance(longrepr, tuple):
        text = str(longrepr[-1])
    else:
        # The last line names the error where pytest has put a traceback into words.
        lines = str(longrepr or "").strip().splitlines() or [""]
        text = next((line[1:] for line in reversed(lines) if line.startswith("E ")), lines[0])
    lines = text.strip().splitlines()
    return printable(lines[0].strip()) if lines else ""
