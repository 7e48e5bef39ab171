"""The whole state of a pipeline as text: equal for equal states, and for no others."""

from __future__ import annotations

import json
from dataclasses import asdict

from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.progress import Progress


def snapshot(pipeline: Pipeline) -> str:
    """Return the state as JSON."""
    crew = pipeline.crew
    data = {
        "limits": asdict(pipeline.limits),
        "useful": pipeline.useful,
        "cancelled": pipeline.is_cancelled,
        "ended": pipeline.has_ended,
        "sequential": pipeline.is_sequential,
        "units": {id: _unit(progress) for id, progress in pipeline.graph.units.items()},
        "free": list(crew.free.items()),
        "jobs": [[*key, job.attempt.worker] for key, job in crew.jobs.items()],
        "hiring": crew.hiring,
        "parts": pipeline.as_data(),
        "demand": pipeline.demand.as_data(),
    }
    return json.dumps(data, separators=(",", ":"))


def _unit(progress: Progress) -> list[object]:
    return [
        progress.state,
        round(progress.rank, 6),
        progress.missing,
        progress.doubts,
        progress.behind,
        progress.number,
        progress.tripped,
        progress.rounds,
        progress.lost,
        round(progress.due, 6),
        sorted(progress.running),
        progress.reason,
    ]
