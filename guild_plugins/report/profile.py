"""The profile of a project, as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from guild_plugins.report.tables import render_table
from guild_plugins.report.text import printable, printable_lines
from guild_plugins.stages.models import Profile

HEAD = (
    "scope", "files", "lines", "complexity", "public", "imports", "imported by", "test files",
    "commits", "risk",
)  # fmt: skip


def render_profile(profile: Profile) -> str:
    """Return a profile for people; one of another form than Guild's own as its summary."""
    data: Mapping[str, Any] = profile.data
    if data.get("version") != 1:
        return printable_lines(profile.summary)
    rows = [_row(scope, found, data["risk"]) for scope, found in data["scopes"].items()]
    parts = [render_table(HEAD, rows), "", *_rest(data)]
    return "\n".join(parts)


def _row(scope: str, found: Mapping[str, Any], risk: Mapping[str, float]) -> tuple[str, ...]:
    return (
        scope,
        str(found.get("files", 0)),
        str(sum(found.get("lines", {}).values())),
        str(found.get("complexity", {}).get("total", 0)),
        str(found.get("public", 0)),
        str(len(found.get("imports", {}))),
        str(len(found.get("imported_by", {}))),
        str(found.get("test_files", 0)),
        str(found.get("history", {}).get("commits", 0)),
        f"{risk.get(scope, 0.0):.2f}",
    )


def _rest(data: Mapping[str, Any]) -> Iterator[str]:
    lines = ", ".join(f"{name} {count:,}" for name, count in list(data["lines"].items())[:6])
    yield f"{len(data['scopes'])} scopes, {data['files']:,} files; lines: {printable(lines)}"
    if data["circle"]:
        circle = " -> ".join((*data["circle"], data["circle"][0]))
        yield f"a circle of imports: {printable(circle)}"
    for path, scopes in data["wanted"].items():
        yield f"changes of {printable(', '.join(scopes))} tend to touch {printable(path)}"
    for places in data["duplicates"]:
        yield f"the same function: {printable(', '.join(places))}"
