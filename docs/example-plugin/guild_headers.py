"""Licence headers: writes them, keeps out what has none, counts what happens.

An example of a plugin for Guild: a stage, a gate and an event handler.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.stages.events import Event
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import GateRequest, StageRequest, StageResult

guild_contract = 1

HEADER = b"# SPDX-License-Identifier: MIT\n"
TASK = "add licence headers"

heard: Counter[str] = Counter()
"""How often each kind of event was heard of."""


@hookimpl
def guild_implement(request: StageRequest) -> StageResult | None:
    """Put the header on top of the Python files of a scope that have none."""
    if request.task != TASK:
        return None  # not ours: the next plugin does it
    top = Path(request.directory)
    written = []
    for file in sorted(file for path in request.paths for file in _python_files(top / path)):
        content = file.read_bytes()
        if not content.startswith(HEADER):
            file.write_bytes(HEADER + content)
            written.append(file.relative_to(top).as_posix())
    return StageResult(summary=f"{len(written)} headers", changed=tuple(written))


@hookimpl
async def guild_check(request: GateRequest) -> tuple[Violation, ...]:
    """Keep out Python files without the header."""
    bare = (
        path
        for path in request.changed
        if path.endswith(".py") and not _has_header(Path(request.directory, path))
    )
    return tuple(
        Violation("licence-header", path, 1, "has no licence header", request.scope.id)
        for path in bare
    )


@hookimpl
def guild_event(event: Event) -> None:
    """Count the event."""
    heard[type(event).__name__] += 1


def _python_files(path: Path) -> list[Path]:
    """Return what is to be looked at of a scope's folder or file; links lead elsewhere."""
    found = [path] if path.is_file() else path.rglob("*.py")
    return [file for file in found if file.suffix == ".py" and not file.is_symlink()]


def _has_header(path: Path) -> bool:
    return not path.exists() or path.read_bytes().startswith(HEADER)
