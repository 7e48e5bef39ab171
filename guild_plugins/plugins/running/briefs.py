"""What somebody is told who works on a scope: the brief. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from guild_plugins.scopes.model import Scope
from guild_plugins.stages.models import PlanStep

MOST: Final = 200
"""Paths that a brief lists."""


def brief_for(
    task: str, scope: Scope, paths: Sequence[str], step: PlanStep, found: str = ""
) -> str:
    """Return the text of a brief, in Markdown.

    :param found: What was wrong with the work the last time.
    """
    parts = [f"# {task}", f"Scope: {scope.id}"]
    if step.instructions and step.instructions != task:
        parts.append(step.instructions)
    listed = "\n".join(f"- {path}" for path in paths[:MOST])
    more = f"\n\nand {len(paths) - MOST} more" if len(paths) > MOST else ""
    parts.append(f"Change only:\n\n{listed}{more}")
    boundaries = list(_boundaries(scope, step))
    if boundaries:
        parts.append("## Boundaries\n\n" + "\n".join(f"- {line}" for line in boundaries))
    if step.notes:
        parts.append("## What is known\n\n" + "\n".join(f"- {line}" for line in step.notes))
    if found:
        parts.append(f"## What was wrong the last time\n\n{found}")
    return "\n\n".join(parts) + "\n"


def _boundaries(scope: Scope, step: PlanStep) -> list[str]:
    lines = []
    if scope.depends_on is not None:
        lines.append(f"It may import {', '.join(scope.depends_on) or 'no other scope'}.")
    if scope.forbids:
        lines.append(f"It must not reach {', '.join(scope.forbids)}.")
    if scope.public:
        lines.append(f"Others import it through {', '.join(scope.public)}.")
    if step.after:
        lines.append(f"The work of {', '.join(step.after)} is in this tree already.")
    if step.exclusive:
        lines.append(f"Nobody else uses {', '.join(step.exclusive)} meanwhile.")
    return lines
