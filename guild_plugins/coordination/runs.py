"""The facts of runs, kept in the journal among all others."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Final

from guild_plugins.coordination.errors import JournalDamaged
from guild_plugins.coordination.journal import Journal
from guild_plugins.stages.codec import Undecodable, decode
from guild_plugins.stages.runs import RUN_KINDS, RunEnded, RunEvent, RunStarted

BOUNDS: Final = (RunStarted.__name__, RunEnded.__name__)


def events_of(
    journal: Journal, run: str | None = None, *, without: Collection[type[RunEvent]] = ()
) -> Iterator[RunEvent]:
    """Yield the facts of one run, or of all, the oldest first; none of them is kept.

    :param without: Kinds that are not wanted, and not read.
    :raises JournalDamaged: A line does not fit its kind.
    """
    kinds = [name for name, kind in RUN_KINDS.items() if kind not in without]
    # Looking into the text is cheap, and spares the decoding of all other runs' facts.
    mark = f'"run":{json.dumps(run)}' if run is not None else ""
    for event in _read(journal, tuple(kinds), mark):
        if run is None or event.run == run:
            yield event


def open_runs(journal: Journal) -> list[RunStarted]:
    """Return the runs that began and did not end, the oldest first."""
    runs: dict[str, RunStarted] = {}
    for event in _read(journal, BOUNDS):
        if isinstance(event, RunStarted):
            runs[event.run] = event
        else:
            runs.pop(event.run, None)
    return list(runs.values())


def _read(journal: Journal, types: tuple[str, ...], holding: str = "") -> Iterator[RunEvent]:
    try:
        for line in journal.lines(types=types, holding=holding):
            yield decode(RUN_KINDS[line.type], line.data)
    except Undecodable as error:
        raise JournalDamaged(str(journal.place.database), str(error)) from None
