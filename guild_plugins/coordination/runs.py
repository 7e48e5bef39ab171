"""The facts of runs, kept in the journal among all others."""

from __future__ import annotations

from typing import Final

from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal
from guild_plugins.stages.codec import Undecodable, decode
from guild_plugins.stages.runs import RUN_KINDS, RunEnded, RunEvent, RunStarted

BOUNDS: Final = (RunStarted.__name__, RunEnded.__name__)


def events_of(journal: Journal, run: str) -> list[RunEvent]:
    """Return one run's facts, the oldest first.

    :raises JournalDamaged: A line does not fit its kind.
    """
    return [event for event in _read(journal, tuple(RUN_KINDS)) if event.run == run]


def open_runs(journal: Journal) -> list[RunStarted]:
    """Return the runs that began and did not end, the oldest first."""
    runs: dict[str, RunStarted] = {}
    for event in _read(journal, BOUNDS):
        if isinstance(event, RunStarted):
            runs[event.run] = event
        else:
            runs.pop(event.run, None)
    return list(runs.values())


def _read(journal: Journal, types: tuple[str, ...]) -> list[RunEvent]:
    try:
        return [decode(RUN_KINDS[line.type], line.data) for line in journal.lines(types=types)]
    except Undecodable as error:
        raise JournalDamaged(str(journal.place.database), str(error)) from None
