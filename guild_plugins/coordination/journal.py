"""The journal: one append-only list of events for all processes and worktrees.

SQLite in WAL mode, written behind the `gate`. What one transaction adds becomes
durable together, before the call returns (``synchronous=FULL``); telemetry, which
may lose its newest lines in a power cut, says so and is not waited for.

Each line carries the SHA-256 of itself and of the line before, so a changed, lost
or torn line is found, and all that stand before it are known to be whole. Reading
takes no lock and waits for nobody.

Beside the events lie snapshots: what replaying up to some event gives, written in
the transaction that adds the event. They save time, and can be rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final, NamedTuple

from guild_plugins.coordination.errors import JournalDamaged, JournalTooNew, StateNotWritten
from guild_plugins.coordination.place import Place, prepare
from guild_plugins.git.locks import PATIENCE, gate
from guild_plugins.stages.codec import decode, encode
from guild_plugins.stages.events import KINDS, Event

VERSION: Final = 1
GENESIS: Final = b"\0" * 32
LONG_LOG: Final = 4_000_000
"""Bytes."""

_BY_NAME: Final = {kind.__name__: kind for kind in KINDS}
COLUMNS: Final = "seq, id, at, type, scope, cause, data, chain"
INSERT: Final = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
SCHEMA: Final = f"""
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, type TEXT NOT NULL,
    scope TEXT, cause TEXT, data TEXT NOT NULL, chain BLOB NOT NULL) STRICT;
CREATE TABLE snapshots (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
PRAGMA user_version = {VERSION};
"""


class Line(NamedTuple):
    """One line of the journal.

    :param data: The event's fields as JSON.
    :param chain: The checksum of this line and of all before it.
    """

    seq: int
    id: str
    at: float
    type: str
    scope: str | None
    cause: str | None
    data: str
    chain: bytes

    def follows(self, before: bytes) -> bool:
        """Say whether the line is as it was written, after a line with that checksum."""
        columns = (self.seq, self.id, self.at, self.type, self.scope, self.cause, self.data)
        return self.chain == _checksum(before, *columns)

    @property
    def event(self) -> Event | None:
        """The event itself; ``None`` if it is of a kind that a later Guild added.

        :raises Undecodable: The line does not fit its kind.
        """
        kind = _BY_NAME.get(self.type)
        return decode(kind, self.data) if kind is not None else None


class Transaction:
    """What one process does while it is alone: read what is so, add what happened."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, *events: Event) -> None:
        """Add events; one that is there already is left as it is."""
        seq, chain = self._connection.execute(
            "SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1"
        ).fetchone() or (0, GENESIS)
        for event in events:
            kind = type(event).__name__
            row = (seq + 1, event.id, event.at, kind, event.scope, event.cause, encode(event))
            sealed = _checksum(chain, *row)
            done = self._connection.execute(
                f"{INSERT} ON CONFLICT (id) DO NOTHING",
                (*row, sealed),
            )
            if done.rowcount:
                seq, chain = seq + 1, sealed

    def events(self, types: Sequence[str]) -> Iterator[Event]:
        """Return all events of some kinds, the oldest first.

        :raises Undecodable: A line does not fit its kind.
        """
        kinds = ", ".join("?" * len(types))
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM events WHERE type IN ({kinds}) ORDER BY seq",  # noqa: S608
            types,
        )
        yield from (event for row in rows if (event := Line(*row).event) is not None)

    def count(self) -> int:
        """Return how many events there are."""
        (number,) = self._connection.execute("SELECT count(*) FROM events").fetchone()
        return int(number)

    def snapshot(self, name: str) -> str | None:
        """Return what was kept under a name."""
        row = self._connection.execute(
            "SELECT value FROM snapshots WHERE name = ?", (name,)
        ).fetchone()
        return str(row[0]) if row else None

    def keep(self, name: str, value: str) -> None:
        """Keep what the events so far give, under a name."""
        self._connection.execute(
            "INSERT INTO snapshots SELECT ?, coalesce(max(seq), 0), ? FROM events WHERE true"
            " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, value = excluded.value",
            (name, value),
        )


class Journal:
    """The journal of one repository."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @contextmanager
    def writing(self, *, durable: bool = True, patience: float = PATIENCE) -> Iterator[Transaction]:
        """Be alone, and write all that is added at the end; nothing of it after an exception.

        :param durable: Return once it would survive a power cut.
        :raises GateBusy: Somebody else did not end.
        :raises JournalDamaged: The file is broken.
        :raises StateNotWritten: The disk is full, broken or read-only.
        """
        prepare(self.place)
        with (
            gate(self.place.gate, patience),
            _translated(self.place),
            closing(self._connect()) as connection,
        ):
            self._make(connection)
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection)
                connection.execute("COMMIT")
                self._shorten(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def append(self, *events: Event, durable: bool = True) -> None:
        """Add events, all of them or none (see `writing`)."""
        with self.writing(durable=durable) as transaction:
            transaction.append(*events)

    @contextmanager
    def reading(self) -> Iterator[Transaction | None]:
        """Look at what is there, waiting for nobody; ``None`` where nothing was ever written.

        :raises JournalDamaged: The file is broken.
        """
        with self._reading() as connection:
            yield Transaction(connection) if connection is not None else None

    def snapshot(self, name: str) -> str | None:
        """Return what was kept under a name; waits for nobody."""
        with self.reading() as transaction:
            return transaction.snapshot(name) if transaction is not None else None

    def lines(
        self,
        *,
        after: int = 0,
        types: Sequence[str] = (),
        scope: str | None = None,
        holding: str = "",
    ) -> Iterator[Line]:
        """Return the lines in their order, as they were at the first of them.

        :param after: Only those with a larger number.
        :param types: Only events of these kinds.
        :param holding: Only events in whose JSON this text is.
        :raises JournalDamaged: The file is broken.
        """
        conditions: list[str] = ["seq > ?"]
        values: list[int | str] = [after]
        if types:
            conditions.append(f"type IN ({', '.join('?' * len(types))})")
            values += types
        if scope is not None:
            conditions.append("scope = ?")
            values.append(scope)
        if holding:
            conditions.append("instr(data, ?) > 0")
            values.append(holding)
        query = f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(conditions)} ORDER BY seq"  # noqa: S608
        with self._reading() as connection:
            if connection is not None:
                rows = connection.execute(query, values)
                yield from map(Line._make, rows)

    def check(self) -> int:
        """Check every line, and return how many there are.

        :raises JournalDamaged: A line is not as it was written; those before it are.
        """
        before, seq = GENESIS, 0
        for line in self.lines():
            if line.seq != seq + 1 or not line.follows(before):
                raise JournalDamaged(str(self.place.database), f"event {seq + 1} is not whole")
            before, seq = line.chain, line.seq
        return seq

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.place.database, isolation_level=None, timeout=PATIENCE)
        # Checkpoints happen when the last connection closes, which is in the gate.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version:
            raise JournalTooNew(str(self.place.database), version)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")

    def _shorten(self, connection: sqlite3.Connection) -> None:
        """Empty the log where somebody always has it open, so that no one was ever the last."""
        log = self.place.database.with_name(f"{self.place.database.name}-wal")
        if log.exists() and log.stat().st_size > LONG_LOG:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _roll_back(self) -> None:
        """Undo a beginning that ended halfway: who may only read cannot, and would be refused.

        Only the very first write has a journal of this kind (see `_make`).
        """
        if not self.place.database.with_name(f"{self.place.database.name}-journal").exists():
            return
        with (
            suppress(sqlite3.Error, OSError),
            gate(self.place.gate),
            closing(self._connect()) as connection,
        ):
            connection.execute("PRAGMA user_version").fetchone()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Open for reading; ``None`` where nothing was ever written."""
        if not self.place.database.exists():
            yield None
            return
        self._roll_back()
        address = f"{self.place.database.absolute().as_uri()}?mode=ro"
        with (
            _translated(self.place),
            closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as connection,
        ):
            # A file that was only begun has no table; that is as good as no file.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            yield connection if version == VERSION else None


def _checksum(before: bytes, *columns: str | float | None) -> bytes:
    """Return the checksum of a line: of all its columns, and of the line before."""
    return hashlib.sha256(before + json.dumps(columns).encode()).digest()


@contextmanager
def _translated(place: Place) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    path = str(place.database)
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise StateNotWritten(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise JournalDamaged(path, str(error)) from error
