"""A broken journal: every line before the damage is kept.

The whole lines go to a new file, which then takes the place of the broken one;
that stays beside it, named ``broken-…``. Each step can be repeated, and a step
that was interrupted is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from guild_plugins.coordination.errors import StateNotWritten
from guild_plugins.coordination.journal import COLUMNS, GENESIS, INSERT, SCHEMA, Line
from guild_plugins.coordination.place import Place
from guild_plugins.git.locks import gate


def salvage(place: Place) -> int:
    """Keep every whole line of a broken journal; return how many there are.

    Snapshots are dropped, since they follow from the events.

    :raises GateBusy: Somebody else was writing all the time.
    :raises StateNotWritten: The new file cannot be written.
    """
    ready = place.folder / "salvaged.db"
    with gate(place.gate):
        try:
            if not ready.exists():
                _collect(place, ready)
            _swap(place, ready)
            with closing(sqlite3.connect(place.database)) as connection:
                (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
                return int(count)
        except (OSError, sqlite3.Error) as error:
            raise StateNotWritten(str(place.database), str(error)) from error


def _collect(place: Place, ready: Path) -> None:
    """Write the whole lines to a file that has its name only once it is complete."""
    partial = ready.with_suffix(".partial")
    for old in (partial, partial.with_name(f"{partial.name}-journal")):
        old.unlink(missing_ok=True)
    with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
        connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        connection.execute("BEGIN")
        for line in _whole_lines(place.database):
            row = (line.seq, line.id, line.at, line.type, line.scope, line.cause, line.data)
            connection.execute(INSERT, (*row, line.chain))
        connection.execute("COMMIT")
    partial.replace(ready)


def _whole_lines(database: Path) -> Iterator[Line]:
    """Return the lines up to the first that cannot be read or is not as it was written."""
    before, seq = GENESIS, 0
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        try:
            # Without it SQLite reads nothing of a file that was cut off.
            connection.execute("PRAGMA writable_schema = ON")
            rows = connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq")  # noqa: S608
            for line in (Line(*row) for row in rows):
                if line.seq != seq + 1 or not line.follows(before):
                    return
                yield line
                before, seq = line.chain, line.seq
        except (sqlite3.Error, TypeError):
            return  # what cannot be read is the damage


def _swap(place: Place, ready: Path) -> None:
    database = place.database
    aside = database.with_name(f"broken-{database.name}")
    aside.unlink(missing_ok=True)
    os.link(database, aside)
    # What the old file's log holds must not be read into the new file.
    for suffix in ("-wal", "-shm"):
        log = database.with_name(database.name + suffix)
        if log.exists():
            log.replace(aside.with_name(aside.name + suffix))
    ready.replace(database)
