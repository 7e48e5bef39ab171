"""Conflicts, told so that whoever decides needs no other tool to understand them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.merging import Merged
from guild_plugins.delivery.landing.outcomes import Place
from guild_plugins.git.process import run_git
from guild_plugins.merge.result import Conflict

SHOWN: Final = 3
"""Commits that are named for each side."""

OwnersOf = Callable[[str], Sequence[str]]


def explain_conflicts(top: Path, merged: Merged, owners_of: OwnersOf) -> tuple[Place, ...]:
    """Return the places that are open, each with what both sides wanted and who owns it."""
    told: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    found = []
    for path, line, reason in _open(merged):
        if path not in told:
            told[path] = (
                _subjects(top, f"{merged.base}..{merged.head}", path),
                _subjects(top, f"{merged.base}..{merged.tip}", path),
            )
        found.append(Place(path, line, reason, *told[path], tuple(owners_of(path))))
    return tuple(found)


def _open(merged: Merged) -> Iterator[tuple[str, int, str]]:
    shown = set()
    for file in merged.result.files:
        if isinstance(file.result, Conflict):
            shown.add(file.path)
            regions = [region for region in file.result.regions if region.is_open]
            for region in regions:
                yield file.path, region.start, region.reason
            if not regions:
                yield file.path, 0, file.result.reason or "both sides changed it"
    for message in merged.result.conflicts:
        if not shown.issuperset(message.paths) or not message.paths:
            yield message.paths[0] if message.paths else "", 0, message.text


def _subjects(top: Path, span: str, path: str) -> tuple[str, ...]:
    words = ["log", f"-{SHOWN}", "--no-show-signature", "--format=%h %s", span, "--", path]
    return tuple(run_git(words, top).decode("utf-8", "replace").splitlines())
