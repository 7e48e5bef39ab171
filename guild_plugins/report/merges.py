"""What a merge did and why, region by region: for a terminal, and as data."""

from __future__ import annotations

from guild_plugins.delivery.trees import CONTENTS, MergedFile, Open, TreeMerge
from guild_plugins.delivery.whole_conflicts import Settled
from guild_plugins.merge.result import Region
from guild_plugins.report.text import printable

SHOWN = 12
"""So many lines of each version are shown in a terminal."""


def render_merge(merge: TreeMerge, *, explain: bool) -> str:
    """Return the outcome of a merge of trees; with ``explain``, each region of each file."""
    parts = [f"tree {merge.tree}"]
    for file in merge.files:
        parts.append(f"{printable(file.path)}: {outcome(file)}")
        if explain:
            parts += [render_region(region) for region in file.result.regions]
    shown = {file.path for file in merge.files}
    parts += [f"settled by {each.rule.name}: {printable(each.text)}" for each in merge.settled]
    for conflict in merge.conflicts:
        if conflict.kind != CONTENTS or not shown.issuperset(conflict.paths):
            parts += _conflict(conflict)
    return "\n".join(parts)


def _conflict(conflict: Open) -> list[str]:
    rows = [printable(conflict.text)]
    if conflict.reason:
        rows.append(f"  open: {conflict.reason}")
    if conflict.proposal is not None:
        rows.append(
            f"  likely, by {conflict.proposal.rule.name}: {printable(conflict.proposal.text)}"
        )
    sides = {1: "base", 2: "ours", 3: "theirs"}
    return rows + [
        f"  {sides[side]:>6} {version.mode} {version.blob} {printable(path)}"
        for path, side, version in conflict.stages
    ]


def render_region(region: Region) -> str:
    """Return one region: where, what each version has, what was done and why."""
    rows = [f"  line {region.start}: {verdict(region)}"]
    versions = [("base", region.base), ("ours", region.ours), ("theirs", region.theirs)]
    if region.lines is not None:
        versions.append(("merged" if not region.is_open else "would be", region.lines))
    for name, lines in versions:
        rows += [f"    {name:>8} | {line}" for line in _shown(lines)]
    return "\n".join(rows)


def verdict(region: Region) -> str:
    """Return in one phrase what became of a region."""
    rules = ", ".join(region.rules)
    if not region.is_open:
        return f"settled by {rules}"
    return f"open: {region.reason}" + (f" ({rules} would settle it)" if rules else "")


def as_data(merge: TreeMerge) -> dict[str, object]:
    """Return a merge of trees as data that JSON can hold."""
    return {
        "version": 1,
        "tree": merge.tree,
        "clean": merge.is_clean,
        "files": [
            {
                "path": file.path,
                "clean": file.result.is_clean,
                "reason": getattr(file.result, "reason", ""),
                "proposed": getattr(file.result, "proposal", None) is not None,
                "regions": [
                    {"line": region.start, "rules": list(region.rules), "reason": region.reason}
                    for region in file.result.regions
                ],
            }
            for file in merge.files
        ],
        "settled": list(map(_settled_data, merge.settled)),
        "conflicts": [
            {
                "kind": conflict.kind,
                "paths": list(conflict.paths),
                "text": conflict.text,
                "reason": conflict.reason,
                "proposed": conflict.proposal and _settled_data(conflict.proposal),
                "stages": [
                    {"path": path, "stage": side, "mode": version.mode, "blob": version.blob}
                    for path, side, version in conflict.stages
                ],
            }
            for conflict in merge.conflicts
        ],
    }


def _settled_data(settled: Settled) -> dict[str, object]:
    removed = [path for path, text in settled.changes.items() if text is None]
    return {
        "rule": settled.rule.name,
        "rate": settled.rule.rate,
        "paths": list(settled.paths),
        "text": settled.text,
        "removes": removed,
        "writes": [path for path in settled.changes if path not in removed],
    }


def outcome(file: MergedFile) -> str:
    """Return in one phrase what became of a file."""
    if file.result.is_clean:
        return "merged"
    reason = getattr(file.result, "reason", "")
    proposed = getattr(file.result, "proposal", None) is not None
    return f"conflict: {reason}" + ("; a proposal is there" if proposed else "")


def _shown(lines: list[bytes]) -> list[str]:
    rows = [printable(line.decode("utf-8", "replace").rstrip("\r\n")) for line in lines[:SHOWN]]
    more = len(lines) - SHOWN
    return [*rows, f"({more} more)"] if more > 0 else rows or ["(nothing)"]
