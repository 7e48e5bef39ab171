"""How long each test file took last time, kept for the next run's order.

A table of file to seconds, as JSON, and the part of that time in which the
workers wanted a core, if it was looked at. In a git repository it lies under the
common git directory, so a fresh worktree knows it from the start; elsewhere in
pytest's cache directory. It is only an estimate: losing it costs a worse order,
never a result.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from guild_plugins.git.repository import find_repository

VERSION: Final = 1
SMOOTHING: Final = 0.5
"""Weight of the newest measurement; the rest is what was known."""


def store_path(config: pytest.Config, root: Path) -> Path | None:
    """Return where the table is kept; None where nothing may be kept."""
    repository = find_repository(root)
    if repository is not None and repository.top == root:
        return repository.common_dir / "guild" / "durations.json"
    cache = getattr(config, "cache", None)
    if cache is None:
        return None
    return Path(cache.mkdir("guild")) / "durations.json"


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier runs showed.

    :param files: Seconds by file.
    :param share: The part of their time in which workers wanted a core, 0 to 1;
        None where nobody looked.
    """

    files: Mapping[str, float] = field(default_factory=dict)
    share: float | None = None


def load(path: Path | None) -> Known:
    """Return what is kept; empty where nothing usable is."""
    if path is None:
        return Known()
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != VERSION:
            return Known()
        files = {str(key): float(value) for key, value in content["files"].items()}
        share = content.get("share")
        return Known(files, None if share is None else min(max(float(share), 0.0), 1.0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Known()


def merge(known: Mapping[str, float], measured: Mapping[str, float]) -> dict[str, float]:
    """Return the table with new measurements folded in."""
    merged = dict(known)
    for key, seconds in measured.items():
        old = merged.get(key)
        new = seconds if old is None else SMOOTHING * seconds + (1 - SMOOTHING) * old
        merged[key] = round(new, 4)
    return merged


def save(path: Path | None, measured: Mapping[str, float], share: float | None = None) -> None:
    """Fold measurements into the kept table; a directory that cannot be written is no error."""
    if path is None or not measured:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        known = load(path)
        content = {
            "version": VERSION,
            "files": merge(known.files, measured),
            "share": known.share if share is None else round(share, 3),
        }
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=0, sort_keys=True)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
