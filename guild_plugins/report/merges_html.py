"""What a merge did and why, region by region, side by side as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from guild_plugins.delivery.trees import MergedFile
from guild_plugins.merge.result import Region
from guild_plugins.report.merges import outcome, verdict
from guild_plugins.report.text import printable


def render_html(files: Iterable[MergedFile]) -> str:
    """Return a page with each region's versions side by side; nothing in it is active."""
    body = "\n".join(
        f"<h2>{escape(printable(file.path))}</h2><p>{escape(outcome(file))}</p>\n"
        + "\n".join(map(_html_region, file.result.regions))
        for file in files
    )
    return _PAGE.replace("BODY", body)


def _html_region(region: Region) -> str:
    columns = [("base", region.base), ("ours", region.ours), ("theirs", region.theirs)]
    columns.append(("merged" if not region.is_open else "would be", region.lines or []))
    cells = "".join(
        f"<td><b>{name}</b><pre>{escape(_text(lines))}</pre></td>" for name, lines in columns
    )
    return f"<p>line {region.start}: {escape(verdict(region))}</p>\n<table><tr>{cells}</tr></table>"


def _text(lines: list[bytes]) -> str:
    return b"".join(lines).decode("utf-8", "replace")


_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What was merged, and why</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
td { border: 1px solid #ccc; vertical-align: top; padding: .3em; overflow-x: auto; }
pre { margin: 0; }
</style>
<h1>What was merged, and why</h1>
BODY
"""
