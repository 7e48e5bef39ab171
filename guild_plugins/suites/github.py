"""What GitHub Actions shows: failures at their lines, and a table on the run's page.

The forms: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.suites.failures import Failure
from guild_plugins.suites.ledger import Account
from guild_plugins.suites.summary import HEADINGS, cells, choose, reasons
from guild_plugins.suites.words import shortened, things

MOST: Final = 50
"""Annotations of one run; GitHub shows few more, and a log should stay readable."""

ANNOTATORS: Final = ("pytest_github_actions_annotate_failures",)
"""Plugins that annotate failures already."""


def is_here(environ: Mapping[str, str]) -> bool:
    """Tell whether this is a GitHub Actions runner."""
    return environ.get("GITHUB_ACTIONS") == "true"


def error_lines(failures: Sequence[Failure], rootpath: Path, workspace: str | None) -> list[str]:
    """Return the workflow commands that annotate failures, and a notice of those left out."""
    lines = [_annotation(failure, rootpath, workspace) for failure in failures[:MOST]]
    if len(failures) > MOST:
        rest = things(len(failures) - MOST, "failure")
        lines.append(f"::notice title=Guild::{rest} more; the log tells all of them")
    return lines


def step_summary(
    accounts: Iterable[Account], coverage: Mapping[str, float], wall: str, shard: str | None
) -> str:
    """Return the table as Markdown."""
    every = list(accounts)
    shown = choose(every)
    headings = HEADINGS if coverage else HEADINGS[:-1]
    title = f"Tests by scope (part {shard})" if shard else "Tests by scope"
    lines = [f"### {title}", "", _row(headings), _row(["---"] * len(headings))]
    lines += [_row([_markdown(cell) for cell in cells(a, coverage)]) for a in shown]
    lines += ["", f"{things(sum(a.tests for a in every), 'test')} in {wall}."]
    if len(shown) < len(every):
        lines.append(f"{things(len(every) - len(shown), 'scope')} more are not shown.")
    lines += [f"- {_markdown(remark)}" for remark in reasons(every)]
    return "\n".join(lines) + "\n"


def append_summary(path: str | None, text: str) -> None:
    """Add to the run's page; where there is none, nothing is lost."""
    if path:
        with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def _annotation(failure: Failure, rootpath: Path, workspace: str | None) -> str:
    file = failure.file
    if workspace:
        # Annotations are placed by the path from the top of the checkout.
        path = os.path.normpath(rootpath / file)
        top = os.path.normpath(workspace)
        if path.startswith(top + os.sep):
            file = path[len(top) + 1 :]
    properties = [f"file={_property(file)}"]
    if failure.line is not None:
        properties.append(f"line={failure.line}")
    properties.append(f"title={_property(f'{failure.kind}: {failure.nodeid}')}")
    message = _data(shortened(failure.message or failure.kind, 1000))
    return f"::error {','.join(properties)}::{message}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    for char in "\\`*_{}[]<>|#":
        text = text.replace(char, "\\" + char)
    return text.replace("\n", " ")
